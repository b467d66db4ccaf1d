"""Sockets: the only home of asyncio and ssl.  Everything here is wired by ``app``."""
