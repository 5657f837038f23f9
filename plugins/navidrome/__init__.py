"""Navidrome, and other servers that speak OpenSubsonic, from outside."""

from plugins.api import Plugin
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.server import connect

PLUGIN = Plugin(options=NavidromeOptions, connect=connect)
