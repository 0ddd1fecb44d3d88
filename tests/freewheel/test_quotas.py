"""Twenty requests a second for a user, three token requests a second for an address; the sandbox refuses more."""

from __future__ import annotations

import asyncio

import pytest

from adflight import FreeWheel, MemoryStore
from adflight.freewheel import QUOTA, TOKEN_QUOTA
from adflight.sandbox import SandboxOptions
from adflight.sandbox.freewheel.gateway import PEOPLE
from tests.clock import FakeClock
from tests.freewheel.scene import Scene


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(start=FakeClock.EPOCH)


def test_the_quotas_are_the_documented_ones() -> None:
    assert (QUOTA.requests, QUOTA.per) == (19, 1.0)
    assert (TOKEN_QUOTA.requests, TOKEN_QUOTA.per) == (3, 1.0)


async def test_the_quota_is_kept_and_used(scene: Scene) -> None:
    freewheel = await scene.client(quota=QUOTA)
    order = await freewheel.insertion_orders.create(name="Spring", campaign_id=501)
    await asyncio.gather(*(freewheel.insertion_orders.get(order.id) for _ in range(75)))
    assert scene.platform.counts.answers[429] == 0
    # 76 requests are four seconds' worth, and the last ones need not wait for theirs to end
    assert scene.clock.monotonic() == pytest.approx(3, abs=0.2)


async def test_clients_of_one_user_share_it(scene: Scene) -> None:
    first, second = await scene.client(quota=QUOTA), await scene.client(quota=QUOTA)
    assert first.turns is second.turns
    await asyncio.gather(*(client.insertion_orders.list() for client in (first, second) for _ in range(30)))
    assert scene.platform.counts.answers[429] == 0


async def test_three_token_requests_a_second_for_an_address(scene: Scene) -> None:
    users = [{"username": person.email, "password": person.password} for person in PEOPLE]
    clients = [await scene.client(quota=QUOTA, **users[number % 2]) for number in range(10)]
    await asyncio.gather(*(client.insertion_orders.list() for client in clients))
    counted = scene.platform.counts
    assert counted.executions["auth_token"] == 10
    assert counted.answers[429] == 0
    assert scene.clock.monotonic() == pytest.approx(3, abs=0.2)


async def test_what_is_asked_about_tokens_counts_with_them(scene: Scene) -> None:
    freewheel = await scene.client(quota=QUOTA)
    await asyncio.gather(*(freewheel.auth.token_info() for _ in range(8)))
    assert scene.platform.counts.answers[429] == 0
    assert scene.clock.monotonic() == pytest.approx(2, abs=0.2)


async def test_without_quotas_the_services_own_answers_pace_the_calls(scene: Scene) -> None:
    freewheel = await scene.client(quota=None, token_store=MemoryStore())
    await asyncio.gather(*(freewheel.insertion_orders.list() for _ in range(25)))
    assert scene.platform.counts.answers[429] > 0
    assert scene.executions == {"list": 25}


def test_an_account_has_one_spelling() -> None:
    clients = [FreeWheel(username=name, password="x") for name in ("Ada@Example.com", "ada@example.com")]
    assert {client.account for client in clients} == {"ada@example.com"}
    assert clients[0].limiter is clients[1].limiter
