"""Which changes go out together, in the fewest requests. Pure; imports nothing of adflight.

Each item has parts, all of which have to be sent. A request either sends all parts of one item, or one part of many
items, if that part is equal in all of them. So items and distinct parts are the two sides of a graph, each item linked
to its parts, and whatever is chosen, items alone and parts together, touches every link: a vertex cover. A smallest one
is found from the leaves. An item with a part that no other has goes alone: whoever took that part alone instead would
send as many requests. Once no such part is left, every part has at least two items; where items have at most two
parts, as IQM's have, there are then at least as many items as parts, and the parts go out together.

Groups of more than `most` items need several requests, and then a few more than the fewest may be sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from attrs import frozen

PartT = TypeVar("PartT", bound=Hashable)


@frozen
class Grouped(Generic[PartT]):
    """What goes out, by positions of items. Each item is alone, or in a group for each of its parts."""

    alone: tuple[int, ...]
    together: tuple[tuple[PartT, tuple[int, ...]], ...]
    """Parts, and the items that get them, at most `most` at a time; a part may stand here several times."""

    @property
    def requests(self) -> int:
        return len(self.alone) + len(self.together)


def grouped(items: Sequence[frozenset[PartT]], most: int) -> Grouped[PartT]:
    """The fewest requests for items, each given as its parts; an item without any can only go alone.

    Never more than one an item. The fewest there are if items have at most two parts and no part more than `most`
    items. Of equally few, those that send items alone: their answers are about them only. The order of items is kept.
    """
    members: dict[PartT, set[int]] = {}
    for position, parts in enumerate(items):
        for part in parts:
            members.setdefault(part, set()).add(position)
    alone = {position for position, parts in enumerate(items) if not parts}
    _pluck(items, members, alone)
    for component in _components(items, members):
        positions = set().union(*(members[part] for part in component))
        if len(positions) <= sum(-(-len(members[part]) // most) for part in component):
            alone |= positions
            for part in component:
                del members[part]
    together = [(part, sorted(positions)) for part, positions in members.items()]
    together.sort(key=lambda group: group[1])
    return Grouped(
        tuple(sorted(alone)),
        tuple(
            (part, tuple(positions[start : start + most]))
            for part, positions in together
            for start in range(0, len(positions), most)
        ),
    )


def _pluck(items: Sequence[frozenset[PartT]], members: dict[PartT, set[int]], alone: set[int]) -> None:
    """Takes out items with a part of their own, until every part that is left has several items."""
    lonely = deque(part for part, positions in members.items() if len(positions) == 1)
    while lonely:
        for position in members.pop(lonely.popleft(), ()):
            alone.add(position)
            for part in items[position] & members.keys():
                members[part].remove(position)
                if len(members[part]) == 1:
                    lonely.append(part)
                elif not members[part]:
                    del members[part]


def _components(items: Sequence[frozenset[PartT]], members: dict[PartT, set[int]]) -> list[list[PartT]]:
    """Parts that hang together by items that have several of them."""
    components: list[list[PartT]] = []
    seen: set[PartT] = set()
    for start in members:
        if start in seen:
            continue
        seen.add(start)
        component = [start]
        for part in component:
            for position in members[part]:
                for other in items[position]:
                    if other not in seen:
                        seen.add(other)
                        component.append(other)
        components.append(component)
    return components
