"""What a person says of a key: what it means, or that it means nothing any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.core.adoption import SECOND_LOOK
from adflight.core.errors import InvalidInput
from adflight.flights.columns import columns_for
from adflight.flights.journal import Journal
from adflight.flights.keys import (
    Binding,
    KeyRefused,
    Release,
    bind,
    budget_of,
    propose_bind,
    propose_release,
    release,
)
from adflight.flights.platform import CAMPAIGN, ORDER
from tests.flights.test_settling import Left, change, creation, fields_of, set_forward
from tests.flights.vendor import journal_in


class Person(Left):
    """Somebody who says what keys mean, after an earlier process has left a journal."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Journal]:
        async with journal_in(self.directory, self.platform.clock) as journal:
            try:
                yield journal
            finally:
                self.open = await journal.open_intents()
                self.known = {one.key: (one.id, one.by) for one in await journal.known(CAMPAIGN)}
                self.applied = await journal.applied(CAMPAIGN, self.known)

    async def bind(self, key: str, id_: int, kind: str = CAMPAIGN, by: str = "ada", **more: Any) -> Binding:
        async with self.opened() as journal:
            binding = await propose_bind(journal, self.platform, kind, key, id_, **more)
            await bind(journal, binding, by=by)
            return binding

    async def release(self, key: str, kind: str = CAMPAIGN, by: str = "ada", **more: Any) -> Release:
        async with self.opened() as journal:
            proposed = await propose_release(journal, self.platform, kind, key, by=by, **more)
            await release(journal, proposed, by=by)
            return proposed

    def delete(self, id_: int) -> None:
        live = self.vendor.objects[CAMPAIGN][id_]
        live.is_gone, live.status = True, "deleted"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


# bind


async def test_a_key_is_bound_to_what_is_there(person: Person) -> None:
    there = person.create("Spring")
    await person.leave()
    binding = await person.bind("a1", there)
    assert (binding.is_new, binding.replaced_id, binding.open, binding.live.name) == (True, None, None, "Spring")
    assert budget_of(binding.live, person.platform.columns) == 10
    assert person.known == {"a1": (there, "ada")}
    assert person.applied == {"a1": fields_of("Spring")}, "what it shows need not be sent"


@pytest.mark.parametrize(
    ("key", "which", "said"),
    [
        ("a1", 999, "that exists: this one is not there"),
        ("a1", "deleted", r"that exists: this one is deleted \(deleted\)"),
        ("a1", "b1's", "no other key's: it is 'b1''s"),
        ("b1", "b1's", "'b1' means it already"),
    ],
)
async def test_what_no_key_can_mean(person: Person, key: str, which: int | str, said: str) -> None:
    ids = {"deleted": person.create("Old"), "b1's": person.create("Other")}
    person.delete(ids["deleted"])
    await person.leave(ids={"b1": ids["b1's"]})
    with pytest.raises(InvalidInput, match=said):
        await person.bind(key, which if isinstance(which, int) else ids[which])


@pytest.mark.parametrize("fate", ["live", "gone", "not there"])
async def test_another_id_replaces_the_first(person: Person, fate: str) -> None:
    old, new = person.create("Spring", 10), person.create("Spring", 11)
    await person.leave(ids={"a1": old})
    if fate == "gone":
        person.delete(old)
    elif fate == "not there":
        del person.vendor.objects[CAMPAIGN][old]
    binding = await person.bind("a1", new)
    assert (binding.is_new, binding.replaced_id) == (False, old)
    assert (binding.replaced is None, getattr(binding.replaced, "is_gone", None)) == {
        "live": (False, False),
        "gone": (False, True),
        "not there": (True, None),
    }[fate]
    assert person.known == {"a1": (new, "ada")}
    assert person.applied == {"a1": fields_of("Spring", 11)}


async def test_a_person_says_which_of_several_a_create_has_made(person: Person) -> None:
    await person.leave(creation(person, "a1"))
    first, second = person.create("Spring"), person.create("Spring")
    (event,) = await person.settle()
    assert event.how == "unclear"
    assert "adflight keys bind" in event.reason
    waited: list[float] = []
    binding = await person.bind("a1", second, waiting=waited.append)
    assert (binding.differing, binding.ignored, binding.was_before, binding.others) == ((), (), False, (first,))
    assert waited == [], "that was waited for before it was looked for"
    assert (person.open, person.known) == ([], {"a1": (second, "ada")})
    assert person.applied == {"a1": fields_of("Spring")}
    assert await person.settle() == []


async def test_who_binds_at_once_waits_until_it_is_settled(person: Person) -> None:
    await person.leave(creation(person, "a1"))
    made = person.create("Spring")
    waited: list[float] = []
    await person.bind("a1", made, waiting=waited.append)
    assert waited == [90.0], "it may still be carried out until then"
    assert person.known == {"a1": (made, "ada")}


@pytest.mark.parametrize(("budget", "seconds"), [(10, []), (11, [90.0])])
async def test_beside_what_differs_the_create_may_still_come(
    person: Person, monkeypatch: pytest.MonkeyPatch, budget: int, seconds: list[float]
) -> None:
    await person.leave(creation(person, "a1"))
    await person.settle()
    set_forward(person, monkeypatch)
    waited: list[float] = []
    await person.bind("a1", person.create("Spring", budget), waiting=waited.append)
    assert waited == seconds


async def test_what_differs_from_what_was_sent_does_not_count_as_applied(person: Person) -> None:
    hidden = {**fields_of("Spring"), "country_id": 7}
    intent = creation(person, "a1")
    await person.leave(evolve(intent, parts=(evolve(intent.parts[0], fields=hidden),)))
    made = person.create("Spring", 11)
    binding = await person.bind("a1", made)
    assert "budget_total" in binding.differing
    assert binding.ignored == ("budget_total", "country_id"), "nor does what it does not show"
    assert person.applied == {"a1": {"campaign_name": "Spring"}}


async def test_what_was_there_before_is_not_what_a_create_has_made(person: Person) -> None:
    old, others = person.create("Spring"), person.create("Spring")
    await person.leave(creation(person, "a1", existing=(old,)), ids={"b1": others})
    made = person.create("Spring")
    binding = await person.bind("a1", old)
    assert (binding.was_before, binding.others) == (True, (made,))
    assert person.known["a1"] == (old, "ada")


async def test_a_create_that_turned_out_to_have_been_carried_out_is_bound(person: Person) -> None:
    await person.leave(creation(person, "a1"))
    await person.release("a1")
    late = person.create("Spring")
    with pytest.raises(Exception, match=f"adflight keys bind a1 {late} --kind campaign"):
        await person.leave(creation(person, "a1", existing=(late,)))
    await person.bind("a1", late)
    assert person.known == {"a1": (late, "ada")}


# release


async def test_a_deleted_object_is_released_and_a_live_one_is_not(person: Person) -> None:
    there = person.create("Spring")
    await person.leave(ids={"a1": there})
    with pytest.raises(KeyRefused, match=r"is pending, not deleted\. .* could buy a second one"):
        await person.release("a1")
    assert person.known == {"a1": (there, "")}
    person.delete(there)
    proposed = await person.release("a1")
    assert (proposed.id, proposed.is_live, person.known) == (there, False, {})


async def test_what_does_not_exist_is_released(person: Person) -> None:
    await person.leave(ids={"a1": 999})
    assert (await person.release("a1")).live is None
    assert person.known == {}


async def test_force_releases_what_is_live(person: Person) -> None:
    await person.leave(ids={"a1": person.create("Spring")})
    assert (await person.release("a1", force=True)).is_live
    assert person.known == {}


async def test_an_open_create_is_given_up_after_two_looks(person: Person) -> None:
    await person.leave(creation(person, "a1"), creation(person, "a2", "Other"))
    began = person.platform.clock.monotonic()
    await person.release("a1")
    assert person.platform.clock.monotonic() - began == 90.0 + SECOND_LOOK
    assert person.platform.reads["namesakes"] == 2
    assert [one.key for one in person.open] == ["a2"]
    # and it may be made again
    await person.leave()
    async with person.opened() as journal:
        await journal.begin_run("flights.csv")
        await journal.intend(creation(person, "a1"))


async def test_nothing_is_given_up_too_early_by_a_clock_that_was_set(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await person.leave(creation(person, "a1"))
    await person.settle()
    set_forward(person, monkeypatch)
    waited: list[float] = []
    await person.release("a1", waiting=waited.append)
    assert waited == [90.0]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((10,), r"It is as it was sent: adflight keys bind a1 \d+ --kind campaign"),
        ((11,), "differs"),
        ((10, 10), "Sev"),
    ],
)
async def test_an_open_create_is_not_given_up_while_something_bears_its_name(
    person: Person, made: tuple[int, ...], said: str, force: bool
) -> None:
    await person.leave(creation(person, "a1"))
    for budget in made:
        person.create("Spring", budget)
    with pytest.raises(KeyRefused, match=said):
        await person.release("a1", force=force)
    assert [one.key for one in person.open] == ["a1"]


async def test_what_somebody_else_settled_meanwhile_is_not_given_up(person: Person) -> None:
    await person.leave(creation(person, "a1"))
    async with person.opened() as journal:
        proposed = await propose_release(journal, person.platform, CAMPAIGN, "a1", by="ada")
        await release(journal, proposed, by="ada")
        assert proposed.found is not None
        late = evolve(proposed.found, one=evolve(proposed.found.one, state="unknown"))
        with pytest.raises(KeyRefused, match="settled already"):
            await release(journal, evolve(proposed, found=late), by="ada")


# both


async def test_a_key_may_be_typed_in_either_form(person: Person) -> None:
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    await person.leave(creation(person, composed))
    made = person.create("Spring")
    await person.bind(decomposed, made)
    assert (person.open, person.known) == ([], {composed: (made, "ada")})
    person.delete(made)
    await person.release(decomposed)
    assert person.known == {}


async def test_what_has_to_be_read_back_first(person: Person) -> None:
    there = person.create("Spring")
    await person.leave(change("a1", budget_total=Decimal(12)), ids={"a1": there})
    for says in (lambda: person.bind("a1", person.create("Other")), lambda: person.release("a1", force=True)):
        with pytest.raises(KeyRefused, match="the next adflight apply reads back"):
            await says()


async def test_what_is_nothing_to_say(person: Person) -> None:
    await person.leave()
    with pytest.raises(InvalidInput, match="one that means something: no campaign"):
        await person.release("a1")
    for says in (lambda: person.release("a1", by=" "), lambda: person.bind("a1", person.create("Spring"), by="")):
        with pytest.raises(InvalidInput, match="the name of the person"):
            await says()
    person.platform.columns = columns_for("freewheel")
    for says in (lambda: person.release("a1"), lambda: person.bind("a1", 1)):
        with pytest.raises(InvalidInput, match="freewheel's flights are insertion orders"):
            await says()
    assert budget_of(person.vendor.objects[ORDER][person.io], columns_for("iqm")) == 100
