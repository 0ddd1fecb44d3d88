"""The `adflight` command: thin over the Python API.

Exit codes: 0 done, or nobody reads what is shown any more; 1 failed, 2 bad input or settings, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys

from adflight.cli.pipes import discard_unread

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Runs the command line; what goes wrong becomes one message and an exit code."""
    try:
        from adflight.cli.app import app

        try:
            app(spelled_out(sys.argv[1:]))
        finally:
            discard_unread()
    except BrokenPipeError:
        # whoever reads has enough
        sys.exit(0)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _ignore_impatience()
        raise
    except KeyboardInterrupt:
        _ignore_impatience()
        _leave("Interrupted.", INTERRUPTED)
    except ModuleNotFoundError as error:
        _leave(f"adflight: this command needs {error.name}, which comes with: pip install 'adflight[all]'", 1)
    except Exception as error:
        message, code = _explained(error)
        if not code:
            raise
        _leave(message, code)


def _explained(error: Exception) -> tuple[str, int]:
    """What to say of an error, and the exit code: 0 for what nobody expects, which needs its traceback."""
    # help needs none of these
    from adflight.core.errors import AdflightError, ConfigurationError, InvalidInput, NotSent

    if isinstance(error, ConfigurationError | InvalidInput):
        return f"adflight: {error}", 2
    if isinstance(error, NotSent):
        variables = "IQM_BASE_URL, FREEWHEEL_BASE_URL or ICAREUS_BASE_URL"
        hint = f"Nothing was sent. Is the address right ({variables}, or the profile's), and is the service there?"
        return f"adflight: {error}\n{hint}", 1
    if isinstance(error, AdflightError | OSError):
        return "\n".join([f"adflight: {error}", *getattr(error, "__notes__", [])]), 1
    return "", 0


def spelled_out(arguments: list[str]) -> list[str]:
    """The arguments with what a bare `--sandbox` means: cyclopts knows no option whose value may be left out."""
    spelled = list(arguments)
    for at, argument in enumerate(arguments):
        following = arguments[at + 1] if at + 1 < len(arguments) else ""
        if argument == "--sandbox" and not following.startswith(("http://", "https://", "127.0.0.1:", "localhost:")):
            spelled[at] = "--sandbox=embedded"
    return spelled


def _ignore_impatience() -> None:
    # another Ctrl-C would end the process by the signal, and with no code of ours
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _leave(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
