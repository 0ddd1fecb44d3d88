"""What exists at a vendor, as far as it was read. Pure; imports nothing of adflight but values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from attrs import define, frozen

Fields: TypeAlias = Mapping[str, Any]
"""Live values by column, typed as a file's: `Decimal`, aware datetimes in UTC, ids as tuples; None is null. What was
read does not show a column that is not in it."""


@define(eq=False)
class Live:
    """An insertion order or a campaign that exists."""

    id: int
    parent: int | None
    """The id of its insertion order; None for an insertion order."""
    name: str
    status: str
    """The vendor's word."""
    fields: Fields
    is_gone: bool = False
    """Whether it was deleted: it spends nothing, and can never be changed."""
    is_draft: bool = False
    """Whether a change would submit it."""
    is_whole: bool = False
    """Whether it was read by itself, with every field that the vendor shows of it."""


@frozen(kw_only=True)
class Needs:
    """What a plan has to know."""

    order_names: Collection[str] = ()
    """Of insertion orders whose ids are not known: they may exist all the same, once or several times."""
    order_places: Mapping[int, Collection[str]] = {}
    """The same where names are their own within `Columns.order_place` only, by its value; instead of `order_names`.

    Those in which all ids are known are in it too, without names.
    """
    order_ids: Collection[int] = ()
    flight_names: Mapping[str | int, Collection[str]] = {}
    """Names of campaigns whose ids are not known, by the name or the id of their insertion order."""
    flight_ids: Collection[int] = ()
    apart: Mapping[int, Collection[str]] = {}
    """By the ids of campaigns: the columns that are managed and that only requests of their own show."""
    apart_names: Mapping[str | int, Mapping[str, Collection[str]]] = {}
    """The same of campaigns whose ids are not known, by name, by the name or the id of their insertion order."""
    is_full: bool = False
    """Whether each known object is to be read by itself, too."""


@define(eq=False)
class Snapshot:
    """What was read for a plan. Strictly paged: what is not in it did not exist.

    Lists the orders of `Needs` and all campaigns in them, and the campaigns of `Needs.flight_ids` wherever they are.
    Objects that bear a name of `Needs` without a known id are whole: their adoption is judged field by field. Whole
    objects show the columns of `Needs` that are apart, too.
    """

    orders: dict[int, Live]
    flights: dict[int, Live]
