"""Plans as a whole: that what they say is what applying does, that they cost nothing, and what they hold."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adflight import InvalidFile, InvalidInput, Quota
from adflight.core.redaction import RedactedRequest
from adflight.flights.comparing import SENT
from adflight.flights.entries import Adopted, Intent, JournalError, Part
from adflight.flights.events import Settling
from adflight.flights.items import Verdict
from adflight.flights.journal import Journal
from adflight.flights.planning import FullRefresh, Plan, full_refresh_cost, label_of, make_plan, moved, plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.reading import read_flights
from adflight.flights.values import CLEAR
from tests.clock import FakeClock
from tests.flights.fake_platform import (
    END,
    FLIGHT_FIELDS,
    ORDER_FIELDS,
    FakePlatform,
    counts,
    row,
    verdicts,
)


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
async def journal(platform: FakePlatform, tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(platform.base_url, platform.account, directory=tmp_path, clock=platform.clock) as it:
        yield it


async def applied(planned: Plan, platform: FakePlatform, journal: Journal) -> None:
    """What `apply` does, as far as a plan can see it."""
    await journal.begin_run(planned.label)
    for item, fields in planned.adoptions():
        assert item.id is not None
        await journal.bind(item.kind, item.key, item.id, fields=fields)
    for write in sorted(planned.writes(), key=lambda write: write.phase):
        parts = tuple(Part(target.key, target.fields) for target in write.targets)
        sent = RedactedRequest("POST", platform.base_url, {}, {})
        intent = Intent(write.operation, write.kind, parts, sent, creates=write.creates, settled_after=90.0)
        request = await journal.intend(intent)
        await journal.record(request, platform.carry_out(write, await journal.ids(ORDER)))
    await journal.end_run("complete")


async def test_what_was_applied_is_unchanged(platform: FakePlatform, journal: Journal) -> None:
    rows = [row("a"), row("b", budget_total=Decimal("500.5")), row("c", "Summer", total_budget_pacing=False)]
    with await plan(rows, platform, journal=journal, label="flights.csv") as planned:
        assert verdicts(planned) == dict.fromkeys(("Spring", "Summer", "a", "b", "c"), "create")
        assert planned.totals.committed == Decimal("2500.5")
        assert planned.totals.writes == {"insertion_orders.create": 2, "campaigns.create": 3}
        assert planned.totals.seconds == 0
        assert not planned.is_empty
        await applied(planned, platform, journal)
        again = await planned.again(journal)
        assert {item.verdict for item in again.items} == {Verdict.UNCHANGED}
        assert again.is_empty
        assert again.totals.writes == {}
        assert moved(planned, again) == []


async def test_an_adoption_is_complete_once_it_is_applied(platform: FakePlatform, journal: Journal) -> None:
    order = platform.add(ORDER, "Spring", io_name="Spring", **ORDER_FIELDS)
    platform.add(CAMPAIGN, "Flight a", order, campaign_name="Flight a", **{**FLIGHT_FIELDS, "country_id": 1})
    with await plan([row("a")], platform, journal=journal, label="flights.csv") as planned:
        assert counts(planned) == {"unchanged": 1, "change": 1}
        assert not planned.is_empty
        await applied(planned, platform, journal)
        again = await planned.again(journal)
        # lists show neither its country nor its domain
        assert counts(again) == {"unchanged": 2}
        assert again.is_empty
        assert moved(planned, again) == []


ORDERS = ("Spring", "Summer")
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "budget_total": st.sampled_from([Decimal("0.01"), Decimal(500), Decimal("1000.5"), 1000.0]),
        "end_time": st.sampled_from([END, END + timedelta(days=7), CLEAR]),
        "exchanges": st.sampled_from([(27, 21), "21, 27", CLEAR]),
        "total_budget_pacing": st.booleans(),
        "frequency_capping": st.sampled_from([{"1": {"frequencyCapValue": 5}}, CLEAR]),
        "campaign_name": st.sampled_from(["One", "Other"]),
        "io_end_time": st.just(END),
        "io_total_budget": st.just(Decimal(7000)),
        "is_auto_sum_io_total_budget": st.just(False),
    },
)
FILES = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.sampled_from(ORDERS), FIELDS), min_size=1),
    min_size=1,
    max_size=4,
)


@given(FILES, st.dictionaries(st.sampled_from(["One", "Other"]), FIELDS), st.booleans())
@settings(max_examples=30, deadline=None)
async def test_applying_any_files_one_after_another_leaves_nothing_to_do(
    files: list[dict[str, tuple[str, dict[str, Any]]]], there: dict[str, dict[str, Any]], is_listed: bool
) -> None:
    platform = FakePlatform()
    if not is_listed:
        platform.shows = frozenset(("is_auto_sum_io_total_budget",))
    order = platform.add(ORDER, "Spring", io_name="Spring", **ORDER_FIELDS)
    for name, fields in there.items():
        # a row may have a float, an account's budgets are Decimals
        kept = {
            column: Decimal(str(value)) if isinstance(value, float) else value
            for column, value in fields.items()
            if not column.startswith("io_")
        }
        platform.add(CAMPAIGN, name, order, **{**FLIGHT_FIELDS, **kept, "campaign_name": name})
    with TemporaryDirectory() as directory:
        opened = await Journal.open(
            platform.base_url, platform.account, directory=Path(directory), clock=platform.clock
        )
        async with opened as journal:
            for file in files:
                rows = [row(key, name, **fields) for key, (name, fields) in file.items()]
                try:
                    planned = await plan(rows, platform, journal=journal, label="flights.csv")
                except InvalidFile:
                    # rows of one insertion order that contradict each other
                    continue
                with planned:
                    check_that_nothing_is_bought_twice(planned)
                    spent = budgets(platform)
                    refused = {item.key for item in planned.items if item.verdict is Verdict.REFUSED}
                    await applied(planned, platform, journal)
                    # a plan says what it costs
                    assert budgets(platform) - spent == planned.totals.committed - planned.totals.released
                    again = await planned.again(journal)
                    assert {item.key for item in again.items if item.verdict is Verdict.REFUSED} == refused
                    assert again.is_empty
                    assert moved(planned, again) == []


def check_that_nothing_is_bought_twice(planned: Plan) -> None:
    """What is to be made bears no name that something live bears at its place, unless that is another row's."""
    assert planned.snapshot is not None
    ids = {item.key: item.id for item in planned.items if item.kind == ORDER}
    taken = {item.id for item in planned.items if item.kind == CAMPAIGN}
    for item in planned.items:
        if item.verdict is Verdict.CREATE and item.kind == CAMPAIGN and ids[item.parent or ""] is not None:
            live = planned.snapshot.flights.values()
            alike = {one.id for one in live if (one.parent, one.name) == (ids[item.parent or ""], item.name)}
            assert alike <= taken


def budgets(platform: FakePlatform) -> Decimal:
    return sum((Decimal(str(live.fields["budget_total"])) for live in platform.live[CAMPAIGN].values()), Decimal(0))


# what it costs to plan, and to apply


async def test_a_plan_says_what_it_takes(tmp_path: Path) -> None:
    platform = FakePlatform(quota=Quota(2, 60.0))
    made = await plan([row("a"), row("b"), row("c", "Summer")], platform, directory=tmp_path)
    with made:
        assert made.totals.writes == {"insertion_orders.create": 2, "campaigns.create": 3}
        assert made.totals.reads == {"insertion_orders.list_basic": 1}
        assert made.totals.seconds == 120.0
        assert made.totals.verdicts == {
            ORDER: {"create": 2, "change": 0, "unchanged": 0, "refused": 0},
            CAMPAIGN: {"create": 3, "change": 0, "unchanged": 0, "refused": 0},
        }
        assert [write.named for write in made.writes()] == ["Spring", "Summer", "Flight a", "Flight b", "Flight c"]
        assert (made.label, made.refresh, made.open_intents) == ("", "lists", 0)
        assert made.read_at == datetime.fromtimestamp(FakeClock.EPOCH, UTC)
    assert not any(os.scandir(tmp_path))


async def test_a_full_refresh_says_first_what_it_costs(
    platform: FakePlatform, journal: Journal, tmp_path: Path
) -> None:
    platform.limiter.quota = Quota(1, 60.0)
    rows = [row("a"), row("b")]
    assert await full_refresh_cost(rows, platform, journal=journal) == FullRefresh(0, 0.0)
    with await plan(rows, platform, journal=journal) as planned:
        await applied(planned, platform, journal)
    assert platform.reads == platform.reads[:1]
    # beside whoever holds it
    assert await full_refresh_cost(rows, platform, directory=tmp_path) == FullRefresh(3, 120.0)
    assert len(platform.reads) == 1


async def test_what_is_asked_for_is_no_more_than_the_file_and_what_it_had_before(
    platform: FakePlatform, journal: Journal
) -> None:
    with await plan([row("a"), row("b", "Summer")], platform, journal=journal, label="flights.csv") as planned:
        await applied(planned, platform, journal)
    ids = {**await journal.ids(ORDER), **await journal.ids(CAMPAIGN)}
    rows = [row("a"), row("c"), row("d", "Autumn")]
    with await plan(rows, platform, journal=journal, label="flights.csv") as planned:
        needs = platform.reads[-1]
        assert set(needs.order_ids) == {ids["Spring"], ids["Summer"]}
        assert set(needs.flight_ids) == {ids["a"], ids["b"]}
        assert set(needs.order_names) == {"Autumn"}
        assert {place: set(names) for place, names in needs.flight_names.items()} == {
            ids["Spring"]: {"Flight c"},
            "Autumn": {"Flight d"},
        }
        assert [leftover.key for leftover in planned.leftovers] == ["Summer", "b"]
    with await plan(rows, platform, journal=journal) as planned:
        # rows without a name have no before; only what lies in their insertion orders is seen
        assert set(platform.reads[-1].flight_ids) == {ids["a"]}
        assert planned.leftovers == ()


async def test_open_requests_are_counted(platform: FakePlatform, journal: Journal) -> None:
    await journal.begin_run("flights.csv")
    sent = RedactedRequest("POST", platform.base_url, {}, {})
    parts = (Part("a"),)
    await journal.intend(Intent("campaigns.create", CAMPAIGN, parts, sent, creates=True, settled_after=90.0))
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS)
    await journal.bind(ORDER, "Spring", spring, fields=ORDER_FIELDS)
    await journal.end_run("stopped")
    with await make_plan(read_flights([{"key": "b", "io_key": "Spring"}]), platform, journal) as made:
        assert made.open_intents == 1
        assert not made.is_empty


async def leave_open(journal: Journal, platform: FakePlatform, *keys: str, kind: str = CAMPAIGN) -> None:
    """An apply that died while creates of these keys were on their way."""
    await journal.begin_run("flights.csv")
    sent = RedactedRequest("POST", platform.base_url, {}, {})
    fields = ORDER_FIELDS if kind == ORDER else FLIGHT_FIELDS
    for key in keys:
        name = {"io_name": key} if kind == ORDER else {"campaign_name": f"Flight {key}"}
        parts = (Part(key, {**fields, **name}),)
        await journal.intend(Intent(f"{kind}s.create", kind, parts, sent, creates=True, settled_after=90.0))
    await journal.end_run("died")


async def test_what_an_open_create_has_made_is_not_adopted(platform: FakePlatform, journal: Journal) -> None:
    spring = platform.add(ORDER, "Spring", io_name="Spring", **ORDER_FIELDS)
    made = platform.add(CAMPAIGN, "Flight a", spring, campaign_name="Flight a", **FLIGHT_FIELDS)
    other = platform.add(CAMPAIGN, "Flight b", spring, campaign_name="Flight b", **FLIGHT_FIELDS)
    await leave_open(journal, platform, "a")
    with await plan([row("a"), row("b")], platform, journal=journal, label="flights.csv") as planned:
        found = {item.key: item for item in planned.items}
        assert (found["a"].verdict, found["a"].id, found["a"].is_adopted) == (Verdict.CREATE, None, False)
        assert found["a"].reason == SENT
        assert (found["b"].id, found["b"].is_adopted, found["b"].reason) == (other, True, "")
        # nor is it read by itself
        assert {place: set(names) for place, names in platform.reads[-1].flight_names.items()} == {
            "Spring": {"Flight b"}
        }
        # settled, it is as planned, and no surprise
        (open_,) = await journal.open_intents()
        await journal.record(open_.intent, {"a": Adopted(made)})
        newer = await planned.again(journal)
        assert verdicts(newer)["a"] == "unchanged"
        assert moved(planned, newer) == []


async def test_an_insertion_order_that_an_open_create_has_made_is_not_adopted(
    platform: FakePlatform, journal: Journal
) -> None:
    platform.add(ORDER, "Spring", io_name="Spring", **ORDER_FIELDS)
    await leave_open(journal, platform, "Spring", kind=ORDER)
    with await plan([row("a")], platform, journal=journal, label="flights.csv") as planned:
        assert verdicts(planned) == {"Spring": "create", "a": "create"}
        assert [item.reason for item in planned.items] == [SENT, ""]
        assert planned.totals.adopted == 0


async def test_of_two_rows_of_one_name_none_is_what_an_open_create_has_made(
    platform: FakePlatform, journal: Journal
) -> None:
    spring = platform.add(ORDER, "Spring", io_name="Spring", **ORDER_FIELDS)
    platform.add(CAMPAIGN, "Flight a", spring, campaign_name="Flight a", **FLIGHT_FIELDS)
    await leave_open(journal, platform, "a")
    rows = [row("a"), row("b", campaign_name="Flight a")]
    with await plan(rows, platform, journal=journal, label="flights.csv") as planned:
        assert verdicts(planned) == {"Spring": "unchanged", "a": "create", "b": "refused"}
        assert "could be that of row 1 or of row 2" in planned.items[-1].reason


# where things are


async def test_a_journal_that_nobody_wrote_yet_counts_as_empty(platform: FakePlatform, tmp_path: Path) -> None:
    (await plan([row("a")], platform, directory=tmp_path / "none")).close()
    opened = await Journal.open(platform.base_url, platform.account, directory=tmp_path, clock=platform.clock)
    await opened.aclose()
    (await plan([row("a")], platform, directory=tmp_path)).close()
    opened.path.write_bytes(b"")
    (await plan([row("a")], platform, directory=tmp_path)).close()


async def test_a_damaged_one_does_not(platform: FakePlatform, tmp_path: Path) -> None:
    opened = await Journal.open(platform.base_url, platform.account, directory=tmp_path, clock=platform.clock)
    await opened.aclose()
    opened.path.write_bytes(b"not a journal" * 1000)
    with pytest.raises(JournalError, match="damaged"):
        await plan([row("a")], platform, directory=tmp_path)


async def test_a_file_gives_the_plan_its_name(platform: FakePlatform, tmp_path: Path) -> None:
    file = tmp_path / "monday.jsonl"
    file.write_text('{"key": "a", "io_name": "Spring"}')
    with await plan(file, platform, directory=tmp_path) as planned:
        assert planned.label == "monday.jsonl"
        assert verdicts(planned) == {"Spring": "refused", "a": "refused"}
    assert label_of(str(file)) == "monday.jsonl"
    assert label_of([]) == ""
    # as it comes where names of files are bytes
    assert label_of("there/caf\udce9.csv") == r"caf\udce9.csv"


async def test_what_cannot_be_is_refused_before_anything_is_read(platform: FakePlatform, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="refresh='all'"):
        await plan([row("a")], platform, refresh="all")  # type: ignore[arg-type]
    with pytest.raises(InvalidFile):
        await plan([row("a", budget_total="much")], platform, directory=tmp_path)
    with read_flights([row("a")]) as flights, pytest.raises(InvalidInput):
        await make_plan(flights, platform, None, refresh="")  # type: ignore[arg-type]
    for ask in (plan, full_refresh_cost):
        with pytest.raises(InvalidInput, match=r"label='caf\\udce9.csv': expected a text"):
            await ask([row("a")], platform, directory=tmp_path, label="caf\udce9.csv")
    assert platform.reads == []


async def test_apply_is_what_applying_does(platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    event = Settling(open=0, seconds=0.0)

    async def apply(planned: Plan, **more: Any) -> AsyncGenerator[Settling]:
        given.update(more, planned=planned)
        yield event

    module = ModuleType("adflight.flights.applying")
    vars(module)["apply"] = apply
    monkeypatch.setitem(sys.modules, "adflight.flights.applying", module)
    with await plan([row("a")], platform, directory=Path("/nonexistent")) as planned:
        assert [told async for told in planned.apply(by="Ada", max_budget=Decimal(5))] == [event]
    assert given["planned"] is planned
    assert (given["by"], given["max_budget"], given["wait"], given["if_absent"]) == ("Ada", Decimal(5), 0.0, "raise")


async def test_the_rows_may_be_a_generators(platform: FakePlatform, tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(2500):
            yield row(f"row {number}", f"Order {number // 500}")

    with await plan(rows(), platform, directory=tmp_path) as planned:
        assert counts(planned) == {"create": 2505}


async def test_a_plan_is_applied_while_it_is_open_and_in_a_known_way(platform: FakePlatform, journal: Journal) -> None:
    with await plan([row("a")], platform, journal=journal) as planned:
        wrong: Any = "x"
        with pytest.raises(InvalidInput, match=r"if_absent='x': expected 'raise' or 'create'"):
            planned.apply(if_absent=wrong)
    with pytest.raises(InvalidInput, match="expected one that is not closed"):
        planned.apply(journal=journal)
