"""The pictures of a report's page, as SVG that its style sheet colours. Pure; imports the report's totals.

Each picture is only another view of figures that the page says in words as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from heapq import merge
from html import escape
from typing import Final

from attrs import frozen

from adflight.core.quota import Quota
from adflight.flights.report_rows import Status
from adflight.flights.report_totals import Sendings

WIDTH: Final = 1040
_HEIGHT: Final = 248
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 22, 44
_COLUMNS: Final = (WIDTH - _LEFT - _RIGHT) // 2
"""How finely time is drawn, however long the run took."""
_TICKS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between two marks of time."""
WINDOW: Final = 60.0
"""Seconds in which requests are counted where no quota says so."""


@frozen
class Use:
    """How many requests were within one window, over time."""

    start: float
    """Epoch seconds."""
    end: float
    peaks: Sequence[int]
    """The most in each of equally long stretches of time."""
    writes: Sequence[int]
    """How many of these were for rows."""
    troubles: Mapping[int, str]
    """Stretches in which the service asked for a pause ("429"), or no answer came or it failed ("error")."""

    @property
    def peak(self) -> int:
        return max(self.peaks, default=0)


def use_of(sendings: Sendings, window: float, start: float, end: float, columns: int = _COLUMNS) -> Use:
    """What was sent in the `window` seconds before, at each moment from `start` on."""
    start = min(start, *sendings.at) if sendings.at else start
    end = max(end, *sendings.at, start + 1.0) if sendings.at else max(end, start + 1.0)
    peaks, writes = [0] * columns, [0] * columns
    troubles: dict[int, str] = {}

    def column_of(at: float) -> int:
        return min(int((at - start) / (end - start) * columns), columns - 1)

    used, used_by_writes, reached = 0, 0, 0
    for at, step, is_write in _steps(sendings, window):
        if at > end:
            break
        column = column_of(at)
        for passed in range(reached + 1, column + 1):
            peaks[passed], writes[passed] = used, used_by_writes
        reached = column
        used += step
        used_by_writes += step * is_write
        # of equally many, those with more writes: a column that is stacked shows one moment
        peaks[column], writes[column] = max((peaks[column], writes[column]), (used, used_by_writes))
    for passed in range(reached + 1, columns):
        peaks[passed], writes[passed] = used, used_by_writes
    for at, status in zip(sendings.at, sendings.status, strict=True):
        if status == 429:
            troubles[column_of(at)] = "429"
        elif status == 0 or status >= 500:
            troubles.setdefault(column_of(at), "error")
    return Use(start, end, peaks, writes, troubles)


def _steps(sendings: Sendings, window: float) -> Iterator[tuple[float, int, int]]:
    """Each request counts from when it is sent until a window later, unless it is counted apart; one that ends makes
    room first."""
    all_ = zip(sendings.at, sendings.is_write, sendings.is_apart, strict=True)
    sent = sorted((at, is_write) for at, is_write, is_apart in all_ if not is_apart)
    return merge(((at + window, -1, is_write) for at, is_write in sent), ((at, 1, is_write) for at, is_write in sent))


def timeline(use: Use, quota: Quota | None) -> str:
    """The use of the window over time, with the line of the quota."""
    limit = 0 if quota is None else quota.requests
    top = _round_up(max(use.peak, limit, 1) * 1.08)
    width, height = WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    floor = _TOP + height

    def x(at: float) -> float:
        return _LEFT + width * (at - use.start) / (use.end - use.start)

    def y(count: float) -> float:
        return floor - height * count / top

    parts = []
    for count in sorted({0, top // 2, top}):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(count):.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="axis end" x="{_LEFT - 10}" y="{y(count) + 4:.1f}">{count:,}</text>')
    for at, said in _marks(use.start, use.end):
        parts.append(f'<path class="tick" d="M{x(at):.1f} {floor}v5"/>')
        parts.append(f'<text class="axis mid" x="{x(at):.1f}" y="{floor + 38}">{said}</text>')
    step = width / len(use.peaks)

    def outline(counts: Sequence[int]) -> str:
        line: list[str] = []
        before = -1
        for column, count in enumerate(counts):
            if count != before:
                left = _LEFT + column * step
                line.append(f"{'L' if line else 'M'}{left:.1f} {y(before if line else count):.1f}")
                line.append(f"L{left:.1f} {y(count):.1f}")
                before = count
        return "".join([*line, f"L{WIDTH - _RIGHT} {y(before):.1f}"])

    # one over the other: what lies above the writes is the rest
    for name, counts in (("all", use.peaks), ("writes", use.writes)):
        parts.append(f'<path class="area {name}" d="{outline(counts)}L{WIDTH - _RIGHT} {floor}L{_LEFT} {floor}Z"/>')
    parts.append(f'<path class="use" d="{outline(use.peaks)}"/>')
    for column, trouble in sorted(use.troubles.items()):
        left = _LEFT + column * step
        parts.append(
            f'<rect class="trouble {"paused" if trouble == "429" else "lost"}" x="{left - 1:.1f}" y="{floor + 9}" '
            'width="4" height="10" rx="1.5"/>'
        )
    if quota is not None:
        said = f"quota: {quota.requests:,} in {quota.per:g} s"
        parts.append(
            f'<path class="quota" id="quota" d="M{_LEFT} {y(limit):.1f}H{WIDTH - _RIGHT}"/>'
            f'<text class="quota end" x="{WIDTH - _RIGHT}" y="{y(max(limit, use.peak)) - 7:.1f}">{said}</text>'
        )
    parts.append(f'<line id="cursor" class="cursor" x1="0" x2="0" y1="{_TOP}" y2="{floor}" visibility="hidden"/>')
    window = WINDOW if quota is None else quota.per
    title = f"Requests sent in the last {window:g} seconds, over time; at most {use.peak:,}"
    return _svg("timeline", WIDTH, _HEIGHT, title, "".join(parts), f' data-left="{_LEFT}" data-step="{step:.4f}"')


def _round_up(count: float) -> int:
    """An even number that is quickly read."""
    for magnitude in (1, 10, 100, 1000, 10_000, 100_000):
        for step in (2, 4, 6, 8, 10, 12, 16, 20, 24, 30, 40, 50, 60, 80):
            if step * magnitude >= count:
                return step * magnitude
    return int(count) // 2 * 2 + 2


def _marks(start: float, end: float) -> Iterator[tuple[float, str]]:
    apart = next((seconds for seconds in _TICKS if (end - start) / seconds <= 8), _TICKS[-1])
    while (end - start) / apart > 12:
        apart *= 2
    said = "%H:%M:%S" if apart < 60 else "%H:%M"
    at = -(-start // apart) * apart
    while at <= end:
        yield at, datetime.fromtimestamp(at, UTC).strftime("%d %b" if at % 86400 == 0 else said)
        at += apart


def outcomes(counts: Mapping[Status, int], said: str) -> str:
    """One bar, of all rows of a kind."""
    total = sum(counts.values())
    parts, left = [], 0.0
    for status, count in sorted(counts.items(), key=lambda pair: _ORDER.index(pair[0])):
        # what is there is seen, however little it is
        width = max(WIDTH * count / total, 10.0)
        parts.append(
            f'<rect class="fill {slug(status)}" x="{left:.1f}" y="0" width="{width:.1f}" height="20">'
            f"<title>{count:,} {escape(status)}</title></rect>"
        )
        left += width
    return _svg("outcomes", max(left, 1.0), 20, said, "".join(parts), ' preserveAspectRatio="none"')


_ORDER: Final = (
    Status.CREATED,
    Status.CHANGED,
    Status.ADOPTED,
    Status.SENDING,
    Status.LEFT,
    Status.WITHHELD,
    Status.NOT_SENT,
    Status.NOT_DONE,
    Status.ABSENT,
    Status.REFUSED,
    Status.UNKNOWN,
)
"""From well to worst, as the bar shows them."""


def ordered(counts: Mapping[Status, int]) -> list[tuple[Status, int]]:
    """As the bar shows them."""
    return [(status, counts[status]) for status in _ORDER if counts.get(status)]


def slug(status: Status) -> str:
    """A status as the name of a class."""
    return status.name.lower().replace("_", "-")


def bar(amount: Decimal, most: Decimal, name: str, said: str) -> str:
    """One amount of money beside others."""
    share = float(amount / most) if most else 0.0
    width = max(400 * share, 2.0) if amount else 0.0
    drawn = (
        '<rect class="track" x="0" y="0" width="400" height="10" rx="2"/>'
        f'<rect class="fill {name}" x="0" y="0" width="{width:.1f}" height="10" rx="2"/>'
    )
    return _svg("money", 400, 10, said, drawn, ' preserveAspectRatio="none"')


def _svg(name: str, width: float, height: float, title: str, drawn: str, more: str = "") -> str:
    said = escape(title)
    return f'<svg class="{name}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{said}"{more}>{drawn}</svg>'
