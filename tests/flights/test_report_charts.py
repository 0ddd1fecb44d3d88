from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.quota import Quota
from adflight.flights.entries import Attempt
from adflight.flights.report_charts import bar, ordered, outcomes, timeline, use_of
from adflight.flights.report_rows import Status
from adflight.flights.report_totals import Sendings


def sent(*moments: float, status: int | None = 200, is_write: bool = True) -> Sendings:
    sendings = Sendings()
    for at in moments:
        sendings.add(Attempt(1, datetime.fromtimestamp(at, UTC), "answered", status, 0.1), is_write=is_write)
    return sendings


def test_a_request_counts_for_one_window() -> None:
    use = use_of(sent(10, 20, 20, 75), 60.0, 0.0, 100.0, columns=100)
    assert use.peak == 3
    assert (use.peaks[9], use.peaks[10], use.peaks[20], use.peaks[69]) == (0, 1, 3, 3)
    # the first makes room at 70, the next two at 80
    assert (use.peaks[71], use.peaks[75], use.peaks[79], use.peaks[81], use.peaks[99]) == (2, 3, 3, 1, 1)
    assert use.troubles == {}


def test_a_window_that_ends_makes_room_for_the_next() -> None:
    assert use_of(sent(0, 60, 120), 60.0, 0.0, 200.0).peak == 1


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60), st.integers(1, 600), st.integers(1, 300))
def test_the_peak_is_the_most_in_any_window(moments: list[int], window: int, columns: int) -> None:
    use = use_of(sent(*moments), float(window), 0.0, 0.0, columns)
    most = max(sum(at - window < other <= at for other in moments) for at in moments)
    assert use.peak == most
    assert len(use.peaks) == columns
    assert use.start <= min(moments) and use.end >= max(moments)


def both(writes: Sequence[float], others: Sequence[float], apart: Sequence[float] = ()) -> Sendings:
    sendings = sent(*writes)
    for moments, is_apart in ((others, False), (apart, True)):
        for at in moments:
            attempt = Attempt(1, datetime.fromtimestamp(at, UTC), "answered", 200, 0.1)
            sendings.add(attempt, is_write=False, is_apart=is_apart)
    return sendings


def test_what_was_for_rows_is_told_from_the_rest() -> None:
    sendings = both([20, 75], [10, 30, 31])
    assert sendings.writes == 2
    use = use_of(sendings, 60.0, 0.0, 100.0, columns=100)
    assert [(use.peaks[at], use.writes[at]) for at in (9, 15, 25, 50, 72, 76, 85)] == [
        (0, 0),
        (1, 0),
        (2, 1),
        (4, 1),
        (3, 1),
        (4, 2),
        (3, 1),
    ]


def test_what_counts_against_another_quota_is_not_in_the_picture() -> None:
    sendings = both([20], [], apart=[19, 21])
    use = use_of(sendings, 60.0, 0.0, 100.0)
    assert (len(sendings), use.peak) == (3, 1)


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=40),
    st.lists(st.integers(0, 5000), max_size=40),
    st.integers(1, 600),
    st.integers(1, 300),
)
def test_the_rest_lies_over_the_rows(writes: list[int], others: list[int], window: int, columns: int) -> None:
    use = use_of(both(writes, others), float(window), 0.0, 0.0, columns)
    assert all(0 <= of_rows <= peak for peak, of_rows in zip(use.peaks, use.writes, strict=True))
    assert use.peak == use_of(sent(*writes, *others), float(window), 0.0, 0.0, columns).peak
    alone = use_of(both(writes, []), float(window), 0.0, 0.0, columns)
    assert alone.writes == alone.peaks
    assert not any(use_of(both([], others), float(window), 0.0, 0.0, columns).writes)


def test_troubles_are_where_they_were() -> None:
    sendings = sent(10, status=429)
    for at, status in ((10.1, None), (50, 503), (70, 400), (90, 200)):
        sendings.add(Attempt(1, datetime.fromtimestamp(at, UTC), "", status, 0.0), is_write=True)
    assert use_of(sendings, 60.0, 0.0, 100.0, columns=100).troubles == {10: "429", 50: "error"}


def test_nothing_was_sent() -> None:
    use = use_of(Sendings(), 60.0, 5.0, 5.0, columns=3)
    assert (use.start, use.end, list(use.peaks)) == (5.0, 6.0, [0, 0, 0])


@pytest.mark.parametrize("seconds", [0.5, 30, 600, 7200, 86400, 40 * 86400, 4000 * 86400])
def test_a_timeline_has_a_line_of_the_quota_and_few_marks_of_time(seconds: float) -> None:
    quota = Quota(19, 60.0)
    drawn = ElementTree.fromstring(timeline(use_of(sent(0, seconds), 60.0, 0.0, seconds), quota))
    texts = [element.text for element in drawn.iter("text")]
    assert texts[-1] == "quota: 19 in 60 s"
    marks = [element for element in drawn.iter("text") if element.get("class") == "axis mid"]
    assert 1 <= len(marks) <= 13
    assert [path.get("id") for path in drawn.iter("path") if path.get("class") == "quota"] == ["quota"]


def test_a_timeline_without_a_quota() -> None:
    drawn = timeline(use_of(sent(*range(5000)), 60.0, 0.0, 100.0), None)
    assert "quota" not in drawn
    assert "at most 60" in drawn


def test_a_timeline_of_whatever_height() -> None:
    drawn = ElementTree.fromstring(timeline(use_of(sent(0), 60.0, 0.0, 1.0), Quota(10**8, 1.0)))
    assert "108,000,002" in {element.text for element in drawn.iter("text")}


def test_a_bar_shows_even_one_among_many() -> None:
    counts = {Status.UNKNOWN: 1, Status.CREATED: 99_999}
    drawn = ElementTree.fromstring(outcomes(counts, "<campaigns>"))
    widths = [float(element.get("width", "0")) for element in drawn.iter("rect")]
    assert widths[0] > 1000 and widths[1] == 10.0
    assert [element.text for element in drawn.iter("title")] == ["99,999 created", "1 unknown"]
    assert ordered(Counter(counts)) == [(Status.CREATED, 99_999), (Status.UNKNOWN, 1)]


def test_every_status_is_drawn() -> None:
    assert next(status for status, _ in ordered(dict.fromkeys(Status, 1))) is Status.CREATED
    assert {status for status, _ in ordered(dict.fromkeys(Status, 1))} == {*Status}


def test_money_in_proportion() -> None:
    def width(amount: int, most: int) -> float:
        drawn = ElementTree.fromstring(bar(Decimal(amount), Decimal(most), "raised", "Raised"))
        return float([*drawn.iter("rect")][1].get("width", "0"))

    assert width(50, 100) == 200.0
    assert width(1, 10**9) == 2.0
    assert width(0, 100) == width(0, 0) == 0.0
