"""FreeWheel: the client, its log-in, and insertion orders that are ensured."""

from adflight.freewheel.client import PRODUCTION, QUOTA, STAGING, TOKEN_QUOTA, FreeWheel, sandbox_routes

__all__ = ["FreeWheel", "PRODUCTION", "QUOTA", "STAGING", "TOKEN_QUOTA", "sandbox_routes"]
