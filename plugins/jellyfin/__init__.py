"""Jellyfin, from outside: its REST API, and its Webhook plugin's calls."""

from plugins.api import Plugin
from plugins.jellyfin.options import JellyfinOptions
from plugins.jellyfin.server import connect

PLUGIN = Plugin(options=JellyfinOptions, connect=connect)
