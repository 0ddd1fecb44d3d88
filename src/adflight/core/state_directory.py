"""Where what is no setting is kept between programs. Imports errors."""

from __future__ import annotations

from pathlib import Path

from adflight.core.errors import ConfigurationError


def state_directory() -> Path:
    """The user's own directory for it: made, for the user alone, unless it is there.

    Raises `ConfigurationError` when it cannot be used.
    """
    # few programs need it at once
    from platformdirs import user_state_path

    try:
        directory = user_state_path("adflight", appauthor=False)
    except RuntimeError as error:  # nobody knows where the user's home is
        raise ConfigurationError(f"there is no directory to keep state in: {error}") from None
    try:
        directory.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{directory} cannot be used: {error.strerror}") from None
    return directory
