"""IQM's bid models of a campaign: a column for each dimension, what a cell of it may say, and what changes them. Pure.

A cell names the entities of one dimension that are to have bid models, in the words of the vendor's document: it is
JSON of `bid_models.manage`'s ADD. Entities that it does not name have none; values that it does not name stay.

The entry of type OTHER, for all entities without one, is made with the first others, and no list shows it: nobody can
change it afterwards, because changes name ids that only lists tell. Imports lists and the generated models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from adflight.core.errors import InvalidInput
from adflight.core.problems import shown as in_words
from adflight.flights.kinds import Formats
from adflight.flights.lists import Json
from adflight.flights.values import Managed, Unfit, Value
from adflight_api.iqm.models import Dimension, EntityType, SpendRatioType

if TYPE_CHECKING:
    from adflight_api.iqm.models import BidModelEntity

Entry: TypeAlias = Mapping[str, Any]
"""A bid model, by wire names."""

DIMENSIONS: Final[Mapping[str, int]] = {
    f"bid_models_{dimension.name.lower()}": dimension.value
    for dimension in Dimension
    # the service's own list has these three as headings over others
    if dimension not in (Dimension.INVENTORY, Dimension.DEVICE, Dimension.LOCATION)
}
"""By column."""

VALUES: Final = ("priority", "bidMultiplier", "spendRatio", "spendRatioTypeId")
"""What a bid model sets."""

OTHER: Final = -1
"""The entity id of an entry for all other entities."""

_TARGET: Final = ("entityId", "entityTypeId")
_BUNDLE_ONLY: Final = ("bundleName", "entityIds")
_STRICT_SUM: Final = 100
_RATIO_TOLERANCE: Final = 0.01


@frozen
class BidModels(Json):
    """The bid models of one dimension."""

    def read(self, cell: object, formats: Formats) -> Value:
        entries: Any = super().read(cell, formats)
        for number, entry in enumerate(entries):
            _check(entry, f"[{number}]")
        targets = Counter(map(_target, entries))
        for (_, entity), count in targets.items():
            if count > 1:
                raise Unfit(f"one entry for entity {entity}")
        kinds = {entry["entityTypeId"] for entry in entries}
        if kinds != {EntityType.ENTITY, EntityType.OTHER}:
            raise Unfit(
                "at least one entry for an entity (entityTypeId 1), and one for all others (entityTypeId 3, entityId "
                "-1), without which the service takes none"
            )
        strict = [entry["spendRatio"] for entry in entries if entry.get("spendRatioTypeId") == SpendRatioType.STRICT]
        if strict and abs(sum(strict) - _STRICT_SUM) > _RATIO_TOLERANCE:
            raise Unfit(f"strict spend ratios (spendRatioTypeId 2) that make 100 percent together, not {sum(strict):g}")
        # one form for what means the same
        return sorted(entries, key=_target)


def _check(entry: Entry, place: str) -> None:
    """What the documents refuse of one entry."""
    unknown = [name for name in entry if name not in (*_TARGET, *VALUES, *_BUNDLE_ONLY)]
    if unknown:
        raise Unfit(f"no {unknown[0]} at {place}, but {', '.join((*_TARGET, *VALUES))}")
    kind, entity = entry["entityTypeId"], entry["entityId"]
    if kind == EntityType.BUNDLE or any(name in entry for name in _BUNDLE_ONLY):
        raise Unfit(f"no bundle at {place}: those are not managed here")
    if kind not in (EntityType.ENTITY, EntityType.OTHER):
        raise Unfit(f"an entityTypeId of 1 (an entity) or 3 (all others) at {place}")
    if (kind == EntityType.OTHER) != (entity == OTHER) or (kind == EntityType.ENTITY and entity < 1):
        raise Unfit(f"the id of an entity at {place}, or entityId -1 with entityTypeId 3 for all others")
    if not any(name in entry for name in VALUES):
        raise Unfit(f"something to set at {place}: {', '.join(VALUES)}")
    _within(entry, "priority", 1, 10, place)
    _within(entry, "bidMultiplier", 0.1, 100, place)
    # 0 is for changes only, and which entries are changes nobody knows before they are sent
    _within(entry, "spendRatio", 1, 100, place)
    if ("spendRatio" in entry) != ("spendRatioTypeId" in entry):
        raise Unfit(f"spendRatio and spendRatioTypeId together at {place}")
    ratio = entry.get("spendRatioTypeId", SpendRatioType.STRICT)
    if ratio not in (SpendRatioType.FLEXIBLE, SpendRatioType.STRICT):
        raise Unfit(f"a spendRatioTypeId of 1 (flexible) or 2 (strict) at {place}")
    if ratio == SpendRatioType.FLEXIBLE and "priority" not in entry:
        raise Unfit(f"a priority beside a flexible spend ratio (spendRatioTypeId 1) at {place}")


def _within(entry: Entry, name: str, least: float, most: float, place: str) -> None:
    if name in entry and not least <= entry[name] <= most:
        raise Unfit(f"a {name} from {least} to {most} at {place}")


def _target(entry: Entry) -> tuple[int, int]:
    return entry["entityTypeId"], entry["entityId"]


def needs_criteria(managed: Managed) -> list[str]:
    """The columns with multipliers or priorities, for which a campaign needs three days and a hundred dollars a day."""
    return [
        name
        for name in DIMENSIONS
        if any("priority" in one or "bidMultiplier" in one for one in _entries(managed, name))
    ]


def _entries(managed: Mapping[str, Any], name: str) -> Sequence[Entry]:
    value = managed.get(name)
    return value if isinstance(value, list) else ()


# what is there


def shown(rows: Iterable[BidModelEntity]) -> list[dict[str, Any]]:
    """The bid models of a dimension that its list shows, as a cell has them."""
    models = _models(rows)
    count = Counter(model["id"] for model in models.values())
    return sorted(
        (
            {"entityId": entity, "entityTypeId": _kind(entity, count[model["id"]]), **_values(model)}
            for entity, model in models.items()
        ),
        key=_target,
    )


def _models(rows: Iterable[BidModelEntity]) -> dict[int, dict[str, Any]]:
    """By entity."""
    return {row.id: row.bid_model_data.to_dict() for row in rows if row.bid_model_data}


def _kind(entity: int, count: int) -> int:
    # a bundle's bid model stands at each of its entities
    found = EntityType.BUNDLE if count > 1 else EntityType.OTHER if entity == OTHER else EntityType.ENTITY
    return int(found)


def _values(model: Entry) -> dict[str, Any]:
    # of a choice its number, as a cell has it
    return {name: model[name].real for name in VALUES if model.get(name) is not None}


def is_as_wanted(old: Any, new: Any) -> bool:
    """Whether bid models that are live, or were applied, are as a cell says. An entry for all others that is not shown
    counts as it was made."""
    if not isinstance(old, list) or not isinstance(new, list):
        return bool(old == new)
    was, wanted = ({_target(entry): entry for entry in entries} for entries in (old, new))
    other = (int(EntityType.OTHER), OTHER)
    if other not in was:
        wanted.pop(other, None)
    return was.keys() == wanted.keys() and not any(_differs(was[target], wanted[target]) for target in wanted)


def _differs(old: Entry, new: Entry) -> bool:
    return any(name in new and old.get(name) != new[name] for name in VALUES)


# what changes them


def changes(column: str, wanted: Any, rows: Iterable[BidModelEntity], before: Any) -> dict[str, Any]:
    """What makes the bid models of a dimension so, given those that its list shows: by action, as on the wire.

    Empty when they are so already. `wanted` is what `BidModels` reads, `before` what was applied last, as far as that
    is known. Raises `InvalidInput` for what cannot be made so.
    """
    models = _models(rows)
    count = Counter(model["id"] for model in models.values())
    bundled = [entity for entity, model in models.items() if count[model["id"]] > 1]
    if bundled:
        raise InvalidInput(
            column, bundled, "no bundle of these entities: dissolve it, because those are not managed here"
        )
    has_other = bool(models)
    add, update = [], []
    for entry in wanted:
        model = models.pop(entry["entityId"], None)
        if model is not None:
            if _differs(model, entry):
                update.append({"bidModelDataId": model["id"], **_values(entry)})
        elif entry["entityId"] != OTHER or not has_other:
            add.append(dict(entry))
        else:
            _check_other(column, entry, before)
    parts: dict[str, Any] = {}
    if add:
        parts["ADD"] = {"bidModelEntityDetails": add}
    if update:
        parts["UPDATE"] = {"bidModelEntityDetails": update}
    if models:
        parts["DELETE"] = {"bidModelDataId": sorted(model["id"] for model in models.values())}
    return parts


def _check_other(column: str, entry: Entry, before: Any) -> None:
    """Its id is not known, so it has to stay what it was."""
    for old in before if isinstance(before, list) else ():
        if old["entityId"] == OTHER and _differs(old, entry):
            raise InvalidInput(
                column,
                in_words(_values(entry)),
                f"for all others (entityTypeId 3) {in_words(_values(old))}, as it was made: no list shows the id by "
                "which it could be changed",
            )
