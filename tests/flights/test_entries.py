from __future__ import annotations

import pickle
from datetime import UTC, datetime

from adflight.core.errors import AdflightError, UnknownOutcome
from adflight.flights.entries import Contradiction, JournalError, JournalHeld, Unknown, Unsettled
from tests.flights.shelf import SENT


def test_an_unknown_outcome_says_what_its_error_says() -> None:
    moment = datetime(2027, 3, 1, tzinfo=UTC)
    error = UnknownOutcome("lost", request=SENT, sent_at=moment, settled_after=90.0, cause=AdflightError("broken"))
    assert Unknown.of(error) == Unknown(moment, 90.0, "broken")
    error.cause = None
    assert Unknown.of(error).cause == "lost"


def test_errors_cross_to_another_process() -> None:
    held = pickle.loads(pickle.dumps(JournalHeld("held", pid=7, since=datetime(2027, 3, 1, tzinfo=UTC))))
    assert (str(held), held.pid, held.since) == ("held", 7, datetime(2027, 3, 1, tzinfo=UTC))
    assert issubclass(Unsettled, Contradiction) and issubclass(Contradiction, JournalError)
    assert issubclass(JournalHeld, JournalError) and issubclass(JournalError, AdflightError)
