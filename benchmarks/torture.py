"""A file of flights is applied while everything goes wrong, by processes that are killed: what exists at the end?

python -m benchmarks.torture [--flights 2000] [--kills 100] [--more-kills 0] [--processes 1] [--seed 0]

The sandbox lives in a process of its own. It cuts 5 % of the creates after it has carried them out (a fifth of them
late), cuts 5 % of all requests before it reads them, answers 2 % with 429 and 2 % with a 5xx, half of which were
carried out, and lets tokens expire. The applying process is killed with SIGKILL, from outside at random moments and
from inside at chosen points, and started again until it says that all is applied. Then the file is changed, and that
is applied in the same way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from attrs import asdict, define, field

from adflight.flights.journal import Journal
from adflight.sandbox import Sandbox
from benchmarks.flights_driver import HELD, POINTS
from benchmarks.report import Section
from benchmarks.sandbox import FastClock, SandboxProcess
from benchmarks.torture_driver import Driver, Spares, kill_later
from benchmarks.torture_flights import PER_ORDER, changed, flights, write

SPEED: Final = 60.0
"""Of all clocks: what must be settled is so after 90 s, a second and a half here."""
LATE: Final = 60.0
"""Seconds after which what comes late is carried out: below the ninety in which it is settled."""
TOKEN_LIFETIME: Final = 120.0
OPTIONS: Final[Mapping[str, Any]] = {
    "quota": None,
    "freewheel_quota": None,
    "freewheel_auth_quota": None,
    "token_lifetime": TOKEN_LIFETIME,
    "freewheel_token_lifetime": TOKEN_LIFETIME,
}

FAULTS: Final = (
    "cut_before:*:times=all:probability=0.05",
    *(f"cut_after:{name}:times=all:probability=0.04" for name in ("insertion_orders_create", "campaigns_create")),
    *(
        f"late:{name}:times=all:probability=0.01:seconds={LATE}"
        for name in ("insertion_orders_create", "campaigns_create")
    ),
    "rate_limited:*:times=all:probability=0.02:retry_after=seconds:seconds=2",
    "status:*:times=all:probability=0.01:status=503",
    "status:*:times=all:probability=0.01:status=502:carried_out=true",
)


@define
class Story:
    """What was done to the processes."""

    kills: Counter[str] = field(factory=Counter)
    """How many died, by the manner of it."""
    starts: int = 0
    held: int = 0
    """How often one was refused, because another had the journal."""
    ended: Counter[str] = field(factory=Counter)
    events: Counter[str] = field(factory=Counter)

    @property
    def killed(self) -> int:
        return self.kills.total()


class Torture:
    """One account, one directory of journals, one sandbox."""

    vendor: ClassVar = "iqm"

    def __init__(self, sandbox: SandboxProcess, directory: Path, seed: int) -> None:
        self.sandbox = sandbox
        self.directory = directory
        self.chance = random.Random(seed)
        self.story = Story()
        self._spares = Spares()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._spares.close()

    def apply(self, wanted: Sequence[Any], *, kills: int, processes: int = 1, **settings: Any) -> None:
        """Applies until every process has said that all is applied, and kills until `kills` of them died."""
        goal = self.story.killed + kills
        reach = max(6, len(wanted) // max(1, kills))
        running = [self._start(wanted, goal, reach, **settings) for _ in range(processes)]
        while running:
            time.sleep(0.002)
            for driver in [driver for driver in running if driver.is_over]:
                running.remove(driver)
                if not self._is_done(driver):
                    running.append(self._start(wanted, goal, reach, **settings))

    def driver(self, wanted: Sequence[Any], **settings: Any) -> Driver:
        """A process that applies these flights, not started yet."""
        path = self.directory / "flights.jsonl"
        write(path, wanted)
        own = {
            "file": str(path),
            "url": self.sandbox.url,
            "vendor": self.vendor,
            "directory": str(self.directory / "journals"),
            "clock": asdict(self.sandbox.clock),
        }
        return Driver({**own, **settings}, self._spares)

    def once(self, wanted: Sequence[Any], **settings: Any) -> tuple[int, dict[str, Any]]:
        """Applies in one process; its status, and the last that it told."""
        driver = self.driver(wanted, **settings)
        driver.start()
        status, errors = driver.wait()
        if errors:
            raise AssertionError(errors)
        return status, driver.events[-1] if driver.events else {}

    def _start(self, wanted: Sequence[Any], goal: int, reach: int, **settings: Any) -> Driver:
        """`reach` is how many events a process lives at most, if it is to die at all."""
        self.story.starts += 1
        # some wait for the journal, others are refused
        own = {"wait": self.chance.choice((0.0, 600.0)), "concurrency": self.chance.choice((2, 5, 20))}
        driver = self.driver(wanted, **{**own, **settings})
        if self.story.killed >= goal:
            driver.start()
            return driver
        manner = self.chance.choices(("point", "event", "moment", "start"), (5, 4, 3, 1))[0]
        driver.settings["manner"] = manner
        if manner == "point":
            point = self.chance.choice(POINTS)
            few = {"opening": 1, "waiting": 2, "reading": 6, "send": reach // 2, "answered": reach // 2}
            driver.settings["die"] = (point, self.chance.randint(1, few.get(point, reach)))
            driver.settings["manner"] = point
        driver.start(kill_after=self.chance.randint(1, reach) if manner == "event" else None)
        if manner in ("moment", "start"):
            moment = self.chance.uniform(0, 1.5) if manner == "start" else self.chance.expovariate(8 / reach) * 0.1
            threading.Thread(target=kill_later, args=(driver, moment, manner == "moment"), daemon=True).start()
        return driver

    def _is_done(self, driver: Driver) -> bool:
        status, errors = driver.finish()
        self.story.events.update(event["event"] for event in driver.events)
        if status == -signal.SIGKILL:
            self.story.kills[driver.settings["manner"]] += 1
            return False
        if status == HELD:
            self.story.held += 1
            return False
        if errors:
            raise AssertionError(f"status {status}: {errors}")
        last = driver.events[-1]
        self.story.ended[f"{last['event']} {last.get('how', '')} {last.get('reason', '')}".strip()[:200]] += 1
        if last["event"] == "raised":
            self._check_reason(last)
        return status == 0

    @staticmethod
    def _check_reason(event: Mapping[str, Any]) -> None:
        """A service that fails again and again ends an apply; anything else must not."""
        allowed = ("ServerError", "RateLimited", "ConnectionBroken", "Timeout", "TransportError", "PagingError")
        if event["error"] not in allowed:
            raise AssertionError(event)

    # what exists

    def check(self, wanted: Sequence[Any]) -> None:
        """Exactly what the file says exists, each once, and nobody knows better than the journal."""
        late = self.sandbox.ask("late")
        if late:
            self.sandbox.ask("advance", 2 * LATE)
        problems = list(self.problems(wanted))
        if problems:
            shown = "\n".join(problems[:20])
            raise AssertionError(f"{len(problems)} problems ({self.story}):\n{shown}")

    def problems(self, wanted: Sequence[Any]) -> Iterator[str]:
        orders = {row["ioId"]: row for row in self.sandbox.ask("objects", "order")}
        campaigns = {row["id"]: row for row in self.sandbox.ask("objects", "campaign")}
        yield from self.sandbox.ask("crashes")
        names = {one.order_key: one for one in wanted}
        yield from counted(
            "insertion orders", [row["ioName"] for row in orders.values()], [one.order for one in names.values()]
        )
        yield from counted(
            "campaigns", [row["campaignName"] for row in campaigns.values()], [one.name for one in wanted]
        )
        order_ids, campaign_ids, still_open = self.journal()
        if still_open:
            yield f"the journal has {len(still_open)} open intents: {still_open[:5]}"
        for key, one in names.items():
            row = orders.get(order_ids.get(key, 0), {})
            end = int(one.order_end.timestamp() * 1000)
            if (row.get("ioName"), row.get("ioEndTime")) != (one.order, end):
                yield f"insertion order {key} is {row}, not {one.order} until {end}"
        for one in wanted:
            row = campaigns.get(campaign_ids.get(one.key, 0), {})
            expected = {**one.live(), "ioId": order_ids.get(one.order_key)}
            differing = {name: (row.get(name), value) for name, value in expected.items() if row.get(name) != value}
            if differing:
                yield f"campaign {one.key} ({row.get('id')}) has {differing}"
        for what, ids, live in (("insertion order", order_ids, orders), ("campaign", campaign_ids, campaigns)):
            if set(ids.values()) != set(live):
                yield f"the journal knows {what}s {set(ids.values()) ^ set(live)} that are not there, or does not"

    @property
    def account(self) -> tuple[str, str, str]:
        """Whose journal it is: the service's URL, the account, and the workspace."""
        return self.sandbox.url, Sandbox.EMAIL, str(Sandbox.OW_ID)

    def journal(self) -> tuple[dict[str, int], dict[str, int], list[str]]:
        """The ids of insertion orders and campaigns by key, and what is open."""

        async def read() -> tuple[dict[str, int], dict[str, int], list[str]]:
            directory = self.directory / "journals"
            url, account, scope = self.account
            async with await Journal.open(url, account, scope=scope, directory=directory, read_only=True) as journal:
                still_open = [f"{one.operation} {one.key} {one.state}" for one in await journal.open_intents()]
                return await journal.ids("insertion_order"), await journal.ids("campaign"), still_open

        return asyncio.run(read())

    def check_again(self, wanted: Sequence[Any]) -> None:
        """Applying it once more sends no write."""
        self.sandbox.ask("clear_faults")
        before = self.sandbox.executions(self.vendor)
        self.apply(wanted, kills=0, wait=0.0)
        after = self.sandbox.executions(self.vendor)
        if before != after:
            raise AssertionError(f"applying once more changed something: {before} became {after}")


def counted(what: str, found: list[str], expected: list[str]) -> Iterator[str]:
    """Each name as often as it should be there."""
    have, should = Counter(found), Counter(expected)
    if have != should:
        yield f"{what}: too many {dict(have - should)}, too few {dict(should - have)}"


def sandbox(clock: FastClock, *, faults: tuple[str, ...] = FAULTS, seed: int = 0) -> SandboxProcess:
    return SandboxProcess(clock=clock, faults=faults, seed=seed, **OPTIONS)


def run(
    count: int, kills: int, seed: int, directory: Path, *, processes: int = 1, more_kills: int = 0
) -> tuple[Story, dict[str, int]]:
    """Applies a new file with so many kills, and then changed ones until `more_kills` more were killed.

    What was done, and how often each operation that changes something was carried out. Raises `AssertionError` when
    anything is there twice, missing, otherwise than the file says, or not as the journal says.
    """
    os.makedirs(directory / "journals", exist_ok=True)
    with sandbox(FastClock.now(SPEED), seed=seed) as service, Torture(service, directory, seed) as torture:
        wanted = flights(count, torture.chance)
        goal = kills
        while True:
            torture.apply(wanted, kills=goal - torture.story.killed, processes=processes)
            torture.check(wanted)
            goal = kills + more_kills
            if torture.story.killed >= goal:
                break
            wanted = changed(wanted, torture.chance)
        torture.check_again(wanted)
        torture.check(wanted)
        return torture.story, service.executions()


def measure(sizes: Sequence[tuple[int, int, int, int]], seed: int = 0) -> Section:
    """`sizes` are flights, kills, further kills while changed files are applied, and processes at once."""
    rows = []
    for flights_, kills, more_kills, processes in sizes:
        print(f"torturing {flights_:,} flights ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as directory:
            story, done = run(flights_, kills, seed, Path(directory), processes=processes, more_kills=more_kills)
        orders = max(1, flights_ // PER_ORDER)
        rows.append(
            (
                f"{flights_:,} by {processes} process{'es' if processes > 1 else ''}",
                f"{story.killed}",
                f"{story.events['settled']:,}",
                f"{story.held}",
                f"{done['campaigns_create'] + done['insertion_orders_create']:,} of {flights_ + orders:,}",
                f"{sum(done.values()) - done['campaigns_create'] - done['insertion_orders_create']:,}",
                f"{time.perf_counter() - start:.0f}",
            )
        )
    return Section(
        title="Torture",
        header=("flights", "killed", "settled", "refused the journal", "creates carried out", "changes", "s"),
        rows=rows,
        notes=[
            "While 5 % of all requests are cut before they are read, 5 % of the creates are carried out and never "
            "answered (a fifth of them late), 2 % get 429 and 2 % a 5xx (half of these carried out), and tokens expire "
            "every two minutes. Killed with SIGKILL at random moments, after random events, and inside: before and "
            "after a commit, before a request, while its answer is on its way, and before that is written down. At the "
            "end each flight exists once and as the file says, the journal knows exactly what exists, and applying "
            "once more changes nothing; otherwise there would be no figures here.",
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--flights", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--more-kills", type=int, default=0, help="while changed files are applied")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"seed {given.seed}", file=sys.stderr)
    print(measure([(given.flights, given.kills, given.more_kills, given.processes)], given.seed))


if __name__ == "__main__":
    main()
