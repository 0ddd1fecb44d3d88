"""The page, looked at in a real browser: what stands there, and what a person can do with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from adflight.core.quota import Quota
from adflight.flights.entries import Attempt, Done, RowFailure, Unknown, Withdrawn
from adflight.flights.report import Report, read_report
from adflight.flights.report_page import write_page
from tests.chromium import Page, browser, needs_chromium
from tests.clock import FakeClock
from tests.flights.applied import CAMPAIGN, EVIL, ORDER, QUOTA, SECRET, applied
from tests.flights.shelf import create, opened
from tests.flights.test_report import LOOKS, NOW

ACCOUNT = "ada <&> co"
NO_ROWS = "\N{EN DASH}"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("applied")
    asyncio.run(applied(directory))
    return directory


async def page_of(report: Report, **more: Any) -> str:
    file = StringIO()
    await write_page(report, file, **more)
    return file.getvalue()


@pytest.fixture
async def page(directory: Path, tmp_path: Path) -> AsyncIterator[Page]:
    """The page of the second run, in a window of a laptop's size."""
    async with await opened(directory, read_only=True) as journal:
        html = await page_of(await read_report(journal), quota=QUOTA, account=ACCOUNT, currency="EUR")
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    (tmp_path / "profile").mkdir()
    async with browser(tmp_path / "profile") as page:
        await page.resize(1280, 900)
        await page.prefer("light")
        yield await page.open(path)
        # whatever was done to it: it neither complains nor asks anybody for anything
        assert page.complaints == []
        assert {url.partition(":")[0] for url in page.requested} == {"file"}
        assert all(url.endswith("report.html") for url in page.requested)


async def shown(page: Page) -> list[str]:
    """The keys of the rows that are to be seen, in their order."""
    rows = "[...document.querySelectorAll('#rows tbody tr')].filter(row => row.offsetHeight)"
    return list(await page.value(f"{rows}.map(row => row.cells[1].querySelector('bdi').textContent)"))


@needs_chromium
async def test_its_figures_are_those_of_the_journal(page: Page, directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        outcomes = [one.outcome async for entry in journal.history(2) for one in entry.attempts]
        outcomes += [one.attempt.outcome async for one in journal.side_requests(2)]
    assert await page.value("document.title") == "spring.csv: run 2"
    assert await page.value("document.querySelector('h1').innerText") == report.in_words()
    assert ACCOUNT in await page.value("document.querySelector('.eyebrow').innerText")
    figures = await page.value("[...document.querySelectorAll('.figure')].map(one => one.innerText)")
    committed = f"{report.money.committed:,.2f}"
    assert figures == [f"{committed} EUR", str(len(outcomes) - outcomes.count("not sent")), "2", "6"]
    assert await page.value("document.getElementById('committed').innerText") == f"{committed} EUR"
    legends = await page.value(
        "Object.fromEntries([...document.querySelectorAll('.kind')].map(kind => [kind.dataset.kind,"
        " [...kind.nextElementSibling.nextElementSibling.children].map(one => one.innerText)]))"
    )
    for kind in (CAMPAIGN, ORDER):
        counts = {f"{count} {status}" for status, count in report.statuses[kind].items()}
        assert set(legends[kind]) == counts
    rows = {row.key: row async for row in _rows(directory)}
    drawn = await page.value(
        "[...document.querySelectorAll('#rows tbody tr')].map(row => [row.cells[1].querySelector('bdi').textContent,"
        " row.cells[0].innerText.toLowerCase(), row.cells[3].innerText, parseInt(row.cells[4].innerText)])"
    )
    assert {key: (status, id, sent) for key, status, id, sent in drawn} == {
        key: (row.status, "" if row.id is None else str(row.id), row.attempts) for key, row in rows.items()
    }
    operations = await page.value(
        "[...document.querySelectorAll('section[aria-labelledby=operations] tbody tr')]"
        ".map(row => [...row.cells].slice(0, 7).map(cell => cell.innerText))"
    )
    assert operations == [
        [one.name, str(one.requests), str(one.sendings)]
        + ([str(count) for count in (one.rows, one.done, one.failed, one.unknown)] if one.has_rows else [NO_ROWS] * 4)
        for one in report.operations
    ]
    assert ["insertion_orders.list", "1", "2", *[NO_ROWS] * 4] in operations
    note = await page.value("document.querySelectorAll('.tiles .note')[1].innerText")
    assert note == f"{report.sendings.writes} for rows, {len(LOOKS)} reads and log-ins; 4 were repeats"


async def _rows(directory: Path) -> AsyncIterator[Any]:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        async for row in report.rows():
            yield row


@needs_chromium
async def test_pictures_are_there_and_not_empty(page: Page) -> None:
    boxes = await page.value(
        "[...document.querySelectorAll('svg')].map(svg => {"
        " const {width, height} = svg.getBoundingClientRect(); return [svg.classList[0], width, height] })"
    )
    assert {name for name, _, _ in boxes} == {"timeline", "outcomes", "money"}
    assert all(width > 50 and height >= 10 for _, width, height in boxes)
    for shape in (".use", ".area.all", ".area.writes", "path.quota", ".trouble.paused", ".trouble.lost"):
        width, height = await page.value(
            f"(() => {{ const {{width, height}} = document.querySelector('svg.timeline {shape}').getBBox();"
            " return [width, height] })()"
        )
        assert width + height > 0, shape
    # the line of the quota lies at the height of the curve's top: the limiter let no more through
    quota, use = await page.value(
        "['path.quota', '.use'].map(shape => document.querySelector(`svg.timeline ${shape}`).getBBox().y)"
    )
    assert abs(quota - use) < 0.2
    assert f"at most {QUOTA.requests}" in await page.value("document.querySelector('svg.timeline').ariaLabel")


@needs_chromium
async def test_the_timeline_says_what_is_under_the_mouse(page: Page) -> None:
    before = await page.value("document.getElementById('readout').textContent")
    await page.value("document.querySelector('svg.timeline').scrollIntoView({block: 'center'})")
    x, y = await page.value(
        "(() => { const box = document.querySelector('svg.timeline .area').getBoundingClientRect();"
        " return [box.x + box.width * 0.45, box.y + box.height / 2] })()"
    )
    await page.move_to(x, y)
    said = await page.value("document.getElementById('readout').textContent")
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC: \d+ of 19 in the last 60 s, \d+ for rows", said)
    assert await page.value("document.getElementById('cursor').getAttribute('visibility')") == "visible"
    await page.move_to(2, 2)
    assert await page.value("document.getElementById('readout').textContent") == before


@needs_chromium
async def test_rows_are_filtered(page: Page) -> None:
    everything = await shown(page)
    count = "document.getElementById('shown').textContent"
    assert await page.value(count) == f"{len(everything)} of {len(everything)} shown"
    await page.type("#search", "1002 created")
    assert await shown(page) == ["row-2"]
    assert await page.value(count) == f"1 of {len(everything)} shown"
    await page.type("#search", "no such row")
    assert await shown(page) == []
    assert await page.value("document.getElementById('none').offsetHeight > 0")
    await page.type("#search", " ")
    choose = (
        "(() => {{ const field = document.getElementById('{}'); field.value = '{}';"
        " field.dispatchEvent(new Event('change')) }})()"
    )
    await page.value(choose.format("status", "failed"))
    assert await shown(page) == ["row-41", "order-5", EVIL, "old-3", "row-23", "row-3"]
    await page.value(choose.format("status", "refused"))
    assert await shown(page) == ["order-5", EVIL, "old-3"]
    await page.value(choose.format("kind", ORDER))
    assert await shown(page) == ["order-5"]
    await page.value(choose.format("status", ""))
    assert await shown(page) == ["order-5", "order-1", "order-2", "order-3", "order-4"]


@needs_chromium
async def test_rows_are_sorted(page: Page) -> None:
    def button(column: int) -> str:
        return f"#rows thead th:nth-child({column}) button"

    before = await shown(page)
    await page.click(button(2))
    keys = await shown(page)
    assert sorted(keys) == sorted(before) and keys != before
    # as a person counts, not letter by letter
    own = [key for key in keys if key.startswith("row-")]
    assert own == sorted(own, key=lambda key: int(key.removeprefix("row-")))
    heading = "document.querySelector('#rows thead th:nth-child({})').getAttribute('aria-sort')"
    assert await page.value(heading.format(2)) == "ascending"
    await page.click(button(2))
    assert await shown(page) == keys[::-1]
    assert await page.value(heading.format(2)) == "descending"
    await page.click(button(4))
    assert await page.value(heading.format(2)) is None
    ids = await page.value("[...document.querySelectorAll('#rows tbody tr')].map(row => row.cells[3].innerText)")
    known = [int(id) for id in ids if id]
    # what has no id comes last
    assert known == sorted(known) and ids[: len(known)] == list(map(str, known))
    # with the keyboard, too
    await page.value(f"document.querySelector('{button(1)}').focus()")
    await page.send("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r")
    assert await page.value(heading.format(1)) == "ascending"
    assert (await shown(page))[0] == "row-41"


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(page: Page, scheme: str) -> None:
    await page.prefer(scheme)
    red, green, blue = await page.value(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert (red + green + blue < 150) is (scheme == "dark")
    assert await page.value(_CONTRAST) == []


_CONTRAST = """(() => {
  const channel = (value) => ((value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const element of document.querySelectorAll("main *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.getClientRects().length || element.matches("script, style, .hidden, option")) continue;
    const style = getComputedStyle(element);
    const front = parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [a, b] = [light(front), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${element.tagName}.${element.className} ${element.textContent}`);
  }
  return [...new Set(bad)];
})()"""


@needs_chromium
async def test_whatever_stands_in_a_row_is_text(page: Page) -> None:
    assert await page.value("document.title") == "spring.csv: run 2"
    assert await page.value("document.querySelectorAll('#rows b').length") == 0
    errors = await page.value("[...document.querySelectorAll('.error')].map(one => one.textContent)")
    assert "422: creative 17 <b>is not approved</b>" in errors
    assert EVIL in await shown(page)
    # a script that got in all the same would not run
    await page.value(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))"
    )
    assert await page.value("document.title") == "spring.csv: run 2"
    (complaint,) = page.complaints
    assert "Content Security Policy" in complaint
    page.complaints.clear()


@needs_chromium
async def test_what_was_sent_is_there_to_be_opened(page: Page) -> None:
    await page.type("#search", "row-12")
    detail = "[...document.querySelectorAll('#rows tr:not([hidden]) details')][0].innerText"
    assert "POST" not in await page.value(detail)
    await page.click("#rows tr:not([hidden]) summary")
    said = await page.value(detail)
    assert "POST https://api.example.com/api/v2/cmp/campaigns/add?token=***" in said
    assert '"budgetTotal":112.0,"password":"***"' in said
    assert "rate limited, 429" in said and "answered, 200" in said
    assert "one request for 20 rows" in said


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1920, 1080)])
async def test_it_fits_every_window(page: Page, width: int, height: int) -> None:
    await page.resize(width, height)
    assert await page.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    right = await page.value(
        "Math.max(...[...document.querySelectorAll('section')].map(s => s.getBoundingClientRect().right))"
    )
    assert right <= width


@needs_chromium
async def test_it_can_be_looked_at(page: Page, tmp_path: Path) -> None:
    light = await page.screenshot()
    await page.prefer("dark")
    dark = await page.screenshot()
    assert light.startswith(b"\x89PNG") and dark.startswith(b"\x89PNG")
    # not a blank one, which is a few thousand bytes
    assert min(len(light), len(dark)) > 50_000
    assert light != dark


# what needs no browser


async def test_it_needs_nothing_else_and_tells_no_secret(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        html = await page_of(await read_report(journal), quota=QUOTA)
    assert SECRET not in html
    assert not re.search(r"(?i)\b(src|href|action|srcset)\s*=|@import|url\(|<(link|img|iframe|object|base)\b", html)
    assert not re.search(r"(?i)\son\w+\s*=|\sstyle\s*=", re.sub(r"(?s)<script.*?</script>", "", html))
    assert EVIL not in html
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', html)) <= set(ids)


async def test_of_a_long_run_the_page_has_the_first_rows_and_says_so(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        html = await page_of(report, rows=10)
        file = StringIO()
        assert await write_page(report, file, rows=10) == 10
    assert html.count("<tr data-status") == 10
    assert f"The first 10 of {sum(report.counts().values()) + 1}" in html
    assert "adflight report --run 2 --format csv" in html
    assert html.count('data-failed=""') == 6


async def test_a_run_without_requests(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("")
        html = await page_of(await read_report(journal))
    assert "Nothing was sent yet" in html
    assert "Requests over time" in html and "None was sent." in html
    assert "No budget was sent." in html and "No row needed a request." in html
    assert "<svg" not in html and 'id="rows"' not in html
    assert "<title>apply: run 1</title>" in html


async def test_a_run_that_went_well(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("a", budget_total=5)), {"a": Done(1)})
        await clock.advance(7300)
        await journal.end_run("complete")
        html = await page_of(await read_report(journal), quota=Quota(20, 1.0))
    assert "1 campaign went through" in html and "every row went through" in html
    assert "took 2 h 1 min" in html
    assert "budgets created and raised" in html
    assert "nobody knows" not in html
    assert "&ndash;" in html


@pytest.mark.parametrize(("status", "said"), [(429, "1 answered 429"), (None, "1 without an answer")])
async def test_troubles_are_counted_below_the_timeline(tmp_path: Path, status: int | None, said: str) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.attempt(await journal.intend(create("a")), Attempt(1, NOW, "failed", status))
        html = await page_of(await read_report(journal))
    # two are those of the shades, and one of a status
    assert html.count('<i class="swatch') == 4
    assert said in html


async def test_many_outcomes_that_nobody_knows(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        for number in range(103):
            key = f"row {number}"
            request = await journal.intend(create(key, budget_total=2))
            await journal.record(request, {key: Unknown(NOW, 90.0, "reset")})
        html = await page_of(await read_report(journal))
    assert "103 requests of which nobody knows whether they were carried out" in html
    assert "And 3 more." in html
    assert "perhaps 206.00 more" in html
    assert "0 of 103 campaigns went through; 103 may have been carried out" in html


async def test_rows_that_failed_without_a_request(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        journal.fail_row(RowFailure(kind="campaign", key="a", row=5, outcome="withheld", error="its order <failed>"))
        await journal.end_run("failed")
        file = StringIO()
        assert await write_page(await read_report(journal), file) == 1
    html = file.getvalue()
    assert "0 of 1 campaign went through; 1 failed" in html
    assert '<rect class="fill withheld"' in html
    assert '<bdi>a</bdi> <span class="say">(row 5)</span>' in html
    assert '<p class="error">its order &lt;failed&gt;</p></td>' in html


async def test_rows_that_a_run_left_to_the_next_one(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("a")), {"a": Withdrawn("interrupted before it was sent")})
        await journal.end_run("interrupted")
        html = await page_of(await read_report(journal))
    assert "0 of 1 campaign went through; 1 left for the next apply" in html
    assert '<dd class="figure">0</dd><dd class="note">of the rows that it came to</dd>' in html
    assert '<rect class="fill left"' in html and ".fill.left" in html
