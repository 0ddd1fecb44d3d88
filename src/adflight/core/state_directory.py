"""Where what is no setting is kept between programs. Imports errors."""

from __future__ import annotations

from pathlib import Path

from adflight.core.errors import ConfigurationError


def state_path() -> Path:
    """The user's own directory for it, which need not be there yet.

    Raises `ConfigurationError` when nobody knows where the user's home is, as of a container's user without a name.
    """
    # few programs need it at once
    from platformdirs import user_state_path

    try:
        return user_state_path("adflight", appauthor=False)
    except RuntimeError:
        raise ConfigurationError(
            "there is no directory to keep state in, because nobody knows the user's home: set HOME or XDG_STATE_HOME"
        ) from None


def state_directory() -> Path:
    """The same, made, for the user alone, unless it is there.

    Raises `ConfigurationError` when it cannot be used.
    """
    directory = state_path()
    try:
        directory.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{directory} cannot be used: {error.strerror}") from None
    return directory
