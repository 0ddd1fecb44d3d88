from __future__ import annotations

import pytest

from adflight.sandbox import SandboxOptions
from adflight.sandbox.counts import Meter
from tests.sandbox.api import Api


@pytest.fixture
def options() -> SandboxOptions:
    return SandboxOptions(quota=(3, 60), start=1_700_000_000)


async def status(api: Api) -> int:
    return (await api.call("insertion_orders_list", {})).status


async def test_requests_above_the_quota_answer_429_and_do_not_count(api: Api) -> None:
    assert [await status(api) for _ in range(5)] == [200, 200, 429, 429, 429]  # the log-in was the first
    answer = await api.call("insertion_orders_list", {})
    assert answer.json == {"message": "Too many requests"}
    assert "Retry-After" not in answer.headers
    api.sandbox.advance(60)
    assert [await status(api) for _ in range(4)] == [200, 200, 200, 429]


async def test_the_quota_is_the_account_s(api: Api) -> None:
    assert [await status(api) for _ in range(3)] == [200, 200, 429]
    await api.log_in("bob@example.com", "sandbox-password-2")
    assert await status(api) == 200


async def test_what_was_received_is_counted(api: Api) -> None:
    for _ in range(4):
        await status(api)
    api.sandbox.advance(60)
    await status(api)
    counts = api.sandbox.counts
    assert (counts.requests, counts.operations["insertion_orders_list"]) == (6, 5)
    assert counts.executions == {"auth_login": 1, "insertion_orders_list": 3}
    assert counts.answers == {200: 4, 429: 2}
    assert counts.windows == {
        1_699_999_980: {"auth_login": 1, "insertion_orders_list": 4},
        1_700_000_040: {"insertion_orders_list": 1},
    }
    assert counts.busiest == {api.sandbox.EMAIL: 5}


async def test_counts_are_found_under_either_name_of_an_operation(api: Api) -> None:
    await status(api)
    counts = api.sandbox.counts
    assert counts.operations["insertion_orders.list"] == counts.operations["insertion_orders_list"] == 1
    assert counts.executions["insertion_orders.get"] == 0
    assert set(counts.executions) == {"auth_login", "insertion_orders_list"}


async def test_unknown_callers_share_a_quota(api: Api) -> None:
    api.headers = {"Authorization": "Bearer none"}
    assert [await status(api) for _ in range(4)] == [401, 401, 401, 429]
    assert api.sandbox.counts.busiest["unknown"] == 4


class TestRetryAfter:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(quota=(1, 60), retry_after="seconds")

    async def test_it_tells_when_to_come_again(self, api: Api) -> None:
        answer = await api.call("insertion_orders_list", {})
        assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        api.sandbox.advance(60)
        assert await status(api) == 200


class TestScaledTime:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(quota=(2, 60), time_scale=60_000)

    async def test_a_minute_passes_in_a_millisecond(self, api: Api) -> None:
        for _ in range(10):
            while await status(api) == 429:
                pass
        assert api.sandbox.counts.executions["insertion_orders_list"] == 10


def test_the_window_slides() -> None:
    meter = Meter(2, 10)
    assert [meter.wait("a", now) for now in (0, 5, 6, 9.5)] == [0, 0, 4, 0.5]
    assert meter.wait("b", 6) == 0
    assert [meter.wait("a", now) for now in (10, 10, 15)] == [0, 5, 0]


def test_without_a_limit_nobody_waits() -> None:
    assert all(Meter(None, 60).wait("a", 0) == 0 for _ in range(100))
