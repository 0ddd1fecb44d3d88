"""What is said of a command line that cannot be understood.

Imports cyclopts; used by main once there is such a one.
"""

from __future__ import annotations

from typing import Final, get_args

from cyclopts import CoercionError, CycloptsError, UnusedCliTokensError

_EXPECTED: Final = {int: "a whole number", float: "a number"}


def words_for(error: CycloptsError) -> str:
    """What the parser says, in words of the command line where its own are of Python."""
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        first = error.unused_tokens[0]
        return f"nothing takes {first!r}: it is one too many, or an option has given the same already (see --help)"
    if isinstance(error, CoercionError) and error.msg is None and error.token is not None:
        kinds = [kind for kind in _EXPECTED if kind in (error.target_type, *get_args(error.target_type))]
        if kinds:
            named = error.token.keyword or (error.argument.name if error.argument else "the argument")
            return f"{named}={error.token.value!r}: expected {_EXPECTED[kinds[0]]}"
    return str(error)
