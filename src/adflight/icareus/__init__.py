"""Icareus Suite: the client, and what a launch takes and gives."""

from adflight.icareus.client import Icareus

__all__ = ["Icareus"]
