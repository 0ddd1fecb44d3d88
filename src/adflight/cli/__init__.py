"""The `adflight` command: thin over the Python API. What its exit codes mean stands in `exits`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line; what goes wrong becomes one message and an exit code."""
    try:
        # imported in here, as all else is, so that Ctrl-C at the very beginning leaves no traceback
        from adflight.cli.pipes import discard_unread

        try:
            _run(spelled_out(sys.argv[1:]))
        finally:
            discard_unread()
    except BrokenPipeError:
        # whoever reads has enough
        sys.exit(0)
    except SystemExit as ended:
        from adflight.cli.exits import ENDED_BY, Interrupted

        if ended.code in [Interrupted(number).code for number in ENDED_BY]:
            _ignore_impatience()
        raise
    except KeyboardInterrupt as interrupt:
        from adflight.cli.exits import Interrupted

        _ignore_impatience()
        print("Interrupted.", file=sys.stderr)
        sys.exit(Interrupted.code_of(interrupt))
    except ModuleNotFoundError as error:
        from adflight.cli.exits import FAILED

        print(
            f"adflight: this command needs {error.name}, which comes with: pip install 'adflight[all]'", file=sys.stderr
        )
        sys.exit(FAILED)
    except Exception as error:
        from adflight.cli.exits import code_of, leave

        code = code_of(error)
        if code is None:
            raise
        leave(error, code, *_advice(error))


def _run(arguments: list[str]) -> None:
    from adflight.cli.help_pages import page_for

    page = page_for(arguments)
    if page is not None:
        sys.stdout.write(page)
        return
    from cyclopts import CycloptsError

    from adflight.cli.app import app

    try:
        app(arguments)
    except CycloptsError as error:
        from adflight.cli.exits import NOT_SENT
        from adflight.cli.misread import words_for

        print(f"adflight: {words_for(error)}", file=sys.stderr)
        sys.exit(NOT_SENT)


def _advice(error: Exception) -> list[str]:
    from adflight.core.errors import NotSent

    if not isinstance(error, NotSent):
        return []
    variables = "IQM_BASE_URL, FREEWHEEL_BASE_URL or ICAREUS_BASE_URL"
    return [f"Nothing was sent. Is the address right ({variables}, or the profile's), and is the service there?"]


def spelled_out(arguments: list[str]) -> list[str]:
    """The arguments with what a bare `--sandbox` means: cyclopts knows no option whose value may be left out."""
    spelled = list(arguments)
    for at, argument in enumerate(arguments):
        following = arguments[at + 1] if at + 1 < len(arguments) else ""
        is_url = "://" in following or following.startswith(("127.0.0.1:", "localhost:"))
        if argument == "--sandbox" and not is_url:
            spelled[at] = "--sandbox=embedded"
    return spelled


def _ignore_impatience() -> None:
    import signal

    from adflight.cli.exits import ENDED_BY

    # another Ctrl-C would end the process by the signal, and with no code of ours
    for number in ENDED_BY:
        signal.signal(number, signal.SIG_IGN)
