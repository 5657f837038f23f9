"""Typed keys of what the application holds."""

from aiohttp import web

from daemon.services import Services

SERVICES = web.AppKey("services", Services)
