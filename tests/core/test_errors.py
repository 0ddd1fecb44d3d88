from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adflight.core import errors
from adflight.core.answers import Headers, RawAnswer
from adflight.core.errors import (
    AdflightError,
    APIError,
    CampaignNotRunning,
    ConfigurationError,
    InvalidFile,
    InvalidInput,
    LaunchFailed,
    OperationNotConfigured,
    OverBudget,
    PartialFailure,
    PlanOutdated,
    ServerError,
    Timeout,
    UnknownOutcome,
    ValidationFailed,
    WaitTimeout,
)
from adflight.core.problems import Problem
from tests.core.scripted import SHOWN

RESPONSE: RawAnswer[dict[str, int]] = RawAnswer(400, Headers({"X-Request-Id": "r1"}), b"{}", {}, SHOWN)


def api_error(kind: type[APIError] = ValidationFailed) -> APIError:
    return kind(
        "things.do: HTTP 400: no",
        status=400,
        body_code=412,
        errors=("no",),
        operation="things.do",
        request_id="r1",
        request=SHOWN,
        response=RESPONSE,
    )


ALL_KINDS: list[AdflightError] = [
    ConfigurationError("base_url is missing"),
    InvalidInput("name", "", "a text"),
    InvalidFile("flights.csv", [Problem(2, "key", None, "a name")], count=3, detected="CSV in UTF-8"),
    OverBudget(Decimal(100), Decimal("100.01")),
    PlanOutdated(["campaign 'row 1': budget_total is 7"]),
    Timeout("no answer within 30 s"),
    UnknownOutcome(
        "perhaps",
        request=SHOWN,
        sent_at=datetime(2026, 5, 4, tzinfo=UTC),
        settled_after=90.0,
        cause=Timeout("no answer"),
        operation="things.do",
        response=RESPONSE,
        absent=True,
    ),
    api_error(),
    ServerError(
        "things.do: HTTP 200: garbled",
        status=200,
        body_code=None,
        errors=(),
        operation="things.do",
        request_id=None,
        request=SHOWN,
        response=RESPONSE,
        undecodable=True,
    ),
    PartialFailure(
        "1 failed",
        modified=(1,),
        failed=(2,),
        answer={"a": 1},
        operation="things.do",
        request=SHOWN,
        response=RESPONSE,
    ),
    OperationNotConfigured("things.do", "the vendor gives no path"),
    LaunchFailed("stopped", step="campaign", exists={"insertion_order": 7}, cause=Timeout("no answer")),
    CampaignNotRunning("rejected", campaign_id=8, status="rejected"),
    WaitTimeout("still pending", campaign_id=8, status="pending"),
]


def comparable(error: BaseException) -> dict[str, object]:
    return {name: repr(value) for name, value in vars(error).items()} | {"text": str(error), "type": type(error)}


@pytest.mark.parametrize("error", ALL_KINDS, ids=lambda error: type(error).__name__)
def test_errors_cross_to_another_process(error: AdflightError) -> None:
    assert comparable(pickle.loads(pickle.dumps(error))) == comparable(error)


@pytest.mark.parametrize(
    "error", [api_error(), Timeout("no answer within 30 s")], ids=lambda error: type(error).__name__
)
def test_that_they_came_of_logging_in_crosses_too(error: AdflightError) -> None:
    assert not pickle.loads(pickle.dumps(error)).while_logging_in
    error.while_logging_in = True
    assert pickle.loads(pickle.dumps(error)).while_logging_in


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines()[2:]:
        if not line.strip():
            break
        bare = line.lstrip(" │├└─")
        depth = (len(line) - len(bare)) // 4 - 1
        path[depth:] = [bare.split()[0]]
        if depth:
            drawn[path[-1]] = path[-2]
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, AdflightError) and not name.startswith("_")
    }
    # helper bases without a name of their own do not count
    parents = {
        name: next(base.__name__ for base in kind.__mro__[1:] if not base.__name__.startswith("_"))
        for name, kind in kinds.items()
        if kind is not AdflightError
    }
    assert drawn == parents


def test_a_plan_that_moved_much_is_told_briefly() -> None:
    moved = [f"campaign {number}" for number in range(1_025)]
    error = PlanOutdated(moved)
    assert error.moved == tuple(moved)
    assert len(str(error).splitlines()) == 1 + PlanOutdated.SHOWN + 1
    assert str(error).endswith("and 1,005 more")


def test_all_names_everything_public() -> None:
    public = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, AdflightError) and not name.startswith("_")
    }
    assert set(errors.__all__) == public
    assert len(errors.__all__) == len(public)


def test_api_errors_say_everything() -> None:
    error = api_error()
    assert isinstance(error, AdflightError)
    assert (error.status, error.body_code, error.errors) == (400, 412, ("no",))
    assert (error.operation, error.request_id) == ("things.do", "r1")
    assert error.request is SHOWN
    assert error.response.headers["x-request-id"] == "r1"
