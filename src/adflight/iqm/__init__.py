"""IQM: the client, what a launch takes and gives, and waiting."""

from adflight.iqm.client import BASE_URL, IQM, QUOTA

__all__ = ["BASE_URL", "IQM", "QUOTA"]
