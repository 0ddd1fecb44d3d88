from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from attrs import evolve

from adflight.flights.entries import Done, Intent
from adflight.flights.report import read_report
from adflight.flights.report_totals import Money
from tests.clock import FakeClock
from tests.flights.applied import ORDER
from tests.flights.shelf import KIND, change, create, opened


async def test_what_a_key_meant_before_is_no_old_budget_of_what_it_means_now(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:

        async def run(*steps: tuple[Intent, Done]) -> Money:
            clock.jump(60.0)
            await journal.begin_run("spring.csv")
            for intent, done in steps:
                clock.jump(1.0)
                await journal.record(await journal.intend(intent), {"a": done})
            await journal.end_run("complete")
            clock.jump(60.0)
            return (await read_report(journal)).money

        await run((create("a", budget_total=Decimal(1000)), Done(1)))
        assert (await run((change("a", budget_total=Decimal(900)), Done()))).lowered == 100
        await journal.bind(KIND, "a", 2, replacing=1, by="ada", fields={"budget_total": Decimal(50)})
        money = await run((change("a", budget_total=Decimal(60)), Done()))
        assert (money.unexplained, money.unexplained_rows, money.committed) == (Decimal(60), 1, Decimal(0))
        assert (await run((change("a", budget_total=Decimal(70)), Done()))).raised == 10
        # what was there until then stays as it was told
        assert (await read_report(journal, 2)).money.lowered == 100
        await journal.release(KIND, "a", 2, by="ada")
        assert (await run((create("a", budget_total=Decimal(5)), Done(3)))).created == 5
        assert (await run((change("a", budget_total=Decimal(7)), Done()))).raised == 2


async def test_a_budget_that_the_service_did_not_take_is_not_committed(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        made = evolve(create("a", budget_amount=Decimal(7)), kind=ORDER)
        await journal.record(await journal.intend(made), {"a": Done(1, ignored=("budget_amount",))})
        money = (await read_report(journal)).money
        assert (money.created, money.refused, money.committed) == (Decimal(0), Decimal(7), Decimal(0))
        changed = evolve(change("a", budget_amount=Decimal(5)), kind=ORDER)
        await journal.record(await journal.intend(changed), {"a": Done()})
        assert (await read_report(journal)).money.unexplained == 5
        await journal.end_run("complete")
        await journal.begin_run("spring.csv")
        await journal.record(
            await journal.intend(evolve(change("a", budget_amount=Decimal(6)), kind=ORDER)), {"a": Done()}
        )
        assert (await read_report(journal)).money.raised == 1
    async with await opened(tmp_path / "next") as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(made), {"a": Done(1, ignored=("budget_amount",))})
        await journal.end_run("complete")
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(changed), {"a": Done()})
        money = (await read_report(journal)).money
        assert (money.unexplained, money.lowered) == (Decimal(5), Decimal(0))
