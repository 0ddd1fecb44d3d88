"""Which service a URL is of, however it is written: by that, accounts are told apart. Imports nothing of adflight."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit


class Service(NamedTuple):
    """Equal for all spellings of a service's URL."""

    scheme: str
    host: str
    """With its port after a hyphen, unless that is the scheme's own; empty for what is no URL of a host."""
    path: str
    """Without a slash at its end."""


def service_of(base_url: str) -> Service:
    """What is no URL of a host is left as it is, as a path."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        return Service("", "", base_url)
    if not parts.hostname:
        return Service("", "", base_url)
    is_default = port == {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.hostname if port is None or is_default else f"{parts.hostname}-{port}"
    return Service(parts.scheme, host, parts.path.rstrip("/"))
