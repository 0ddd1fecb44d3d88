"""What every generated operation and model is made of.

Nothing here does I/O. An operation module builds a `Request` and parses an answer; whoever calls it sends the request:
adflight's session, or any HTTP client (see `Request.url`, `Request.content`, `Request.headers`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import quote, urlencode

import orjson
from attrs import define, evolve, frozen

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
RowT = TypeVar("RowT")
AnswerT = TypeVar("AnswerT")


class Unset(Enum):
    """The type of `UNSET`, which stands for a field that the wire does not carry; `x is UNSET` narrows."""

    # a value that JSON cannot carry, so that one that slips into a request stops it instead of going out as a text
    UNSET = frozenset[None]()

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

Number: TypeAlias = float | Decimal
"""Money, ratios and rates on their way out: `int`, `float` or `Decimal`; never NaN or infinite."""

CommaList: TypeAlias = int | str | Iterable[int | str]
"""What the wire carries as one joined string: an id, a text that is joined already, or an iterable of either."""

PathId: TypeAlias = int | str
"""A whole number in a path, as `int` or as a decimal string."""


class AdflightError(Exception):
    """The root of everything that adflight raises on purpose."""

    while_logging_in: bool = False
    """Whether it came of fetching a token, which the call that raised it had to wait for, and so has every other."""


class InvalidInput(AdflightError, ValueError):
    """An argument that cannot be sent; raised before anything is sent.

    `field` names the argument, `value` is what was passed, `expected` says what would do.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field}={value!r}: expected {expected}")
        self.field = field
        self.value = value
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.field, self.value, self.expected))


# What an operation is


Repeat: TypeAlias = Literal["read", "absolute", "relative", "create"]
"""What sending a request twice would do: nothing, set the same values again, add twice, or buy twice."""


@frozen
class RepeatByField:
    """A repeat class that depends on a field of the body, which is always sent."""

    field: str
    values: Mapping[str, Repeat]


@frozen
class Paging(Generic[AnswerT, RowT]):
    """Where a list operation keeps its page, its rows and its count. Names of parameters are wire names."""

    rows: Callable[[AnswerT], Any]
    """The rows of a parsed answer: a list of `RowT`, or UNSET or None when the service left it out."""
    total: Callable[[AnswerT], Any] | None = None
    """How many rows match the filter, read from a parsed answer."""
    key: Callable[[RowT], Any] | None = None
    """What tells one row from another."""
    location: Literal["query", "body"] = "query"
    page: str | None = None
    """The parameter with the page number, counted from 1; None when the operation has no pages."""
    size: str | None = None
    offset: str | None = None
    max_size: int | None = None
    """The largest documented page."""
    sort: str | None = None
    ascending: str | None = None
    """The value of `sort` under which pages do not shift while they are read."""


@frozen
class Partial:
    """How an answer reports that it was carried out for some items only. Wire names inside the unwrapped answer."""

    ok: str
    failed: str
    modified: str


@frozen
class Operation:
    """One operation of a specification: everything about it that does not depend on arguments."""

    id: str
    method: str
    path: str
    """The documented path template."""
    source: str
    """Which vendor document, and which lines of it, say so."""
    repeat: Repeat | RepeatByField
    envelope: str | None
    """The key under which answers carry their content, or None for flat answers."""
    live_path: str | None = None
    """The path template that the live service is known to use where it differs."""
    security: tuple[str, ...] = ()
    """Names of the security schemes that the caller supplies."""
    quota: str = "api"
    """The group of operations that are counted together."""
    configured: bool = True
    """Whether anybody knows how to call it. If not, `method` and `path` are made up; the sandbox alone serves them."""
    confidence: Literal["high", "medium", "low"] = "high"
    """How well `method` and the live path are known."""
    acknowledged: bool = False
    """Whether the body's own `status`, "ok" or "error", says whether it was carried out."""
    media: Literal["json", "xml"] = "json"
    """What bodies and answers are written in; forms aside."""
    decode: Callable[[bytes], Any] | None = None
    """Reads an answer's bytes, or raises ValueError; None for JSON."""
    encode: Callable[[Any], bytes] | None = None
    """Writes a body; None for JSON."""
    partial: Partial | None = None
    identity: tuple[str, ...] = ()
    """Wire names, inside the unwrapped answer, of which one has to hold the id of what was created."""

    def unwrap(self, payload: Any) -> Any:
        """The content of a decoded answer. An answer without its documented envelope is returned as it is."""
        if self.envelope is not None and isinstance(payload, dict) and self.envelope in payload:
            return payload[self.envelope]
        return payload


@define(repr=False)
class Request:
    """An operation with its arguments, ready for the wire; pure data."""

    operation: Operation
    path: str
    """The documented path, filled in."""
    live_path: str | None = None
    """The live path, filled in, where it differs."""
    query: dict[str, str] | None = None
    body: Any = None
    """What `content` encodes: a JSON value, a form as a dict of strings, or None."""
    form: bool = False
    segments: Mapping[str, str] = {}
    """What fills the path template, by wire name, percent-encoded."""

    def __repr__(self) -> str:
        # without body and query: they may hold secrets
        return f"<Request {self.operation.id}: {self.operation.method} {self.path}>"

    @property
    def url(self) -> str:
        """Path and query string; prefers the live path."""
        path = self.live_path or self.path
        # quote, not quote_plus: a plus sign in a query means a space to servers, so a literal one goes as %2B
        return f"{path}?{urlencode(self.query, quote_via=quote, safe='')}" if self.query else path

    @property
    def documented_url(self) -> str:
        """Path and query string as the vendor's document has them."""
        return evolve(self, live_path=None).url

    @property
    def content(self) -> bytes | None:
        """The encoded body, or None."""
        if self.body is None:
            return None
        if self.form:
            return urlencode(self.body).encode()
        encode = self.operation.encode
        return orjson.dumps(self.body, default=_decimal) if encode is None else encode(self.body)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that follow from the request itself: no credentials."""
        accept = f"application/{self.operation.media}"
        if self.body is None:
            return {"Accept": accept}
        return {"Accept": accept, "Content-Type": "application/x-www-form-urlencoded" if self.form else accept}

    @property
    def repeat(self) -> Repeat:
        """What sending this request twice would do."""
        rule = self.operation.repeat
        if isinstance(rule, str):
            return rule
        # an unknown mode is taken for the dangerous one
        return rule.values.get(str(self.body.get(rule.field)), "relative")

    def paged(self, paging: Paging[Any, Any], values: Mapping[str, str | int | None]) -> Request:
        """The same request with paging parameters set, or dropped where the value is None; keys are wire names."""
        if paging.location == "query":
            query = {**(self.query or {}), **{name: str(value) for name, value in values.items() if value is not None}}
            return evolve(self, query={name: text for name, text in query.items() if values.get(name, "") is not None})
        body = {**(self.body or {}), **values}
        return evolve(self, body={name: value for name, value in body.items() if values.get(name, "") is not None})


def _decimal(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


# What calls an operation


@frozen
class Page(Generic[AnswerT, RowT]):
    """One page of a list operation."""

    rows: Sequence[RowT]
    total: int | None
    """How many rows match the filter on all pages; None when the service does not say."""
    number: int
    """Counted from 1."""
    answer: AnswerT
    """The whole typed answer."""


class Pager(Protocol[AnswerT, RowT]):
    """The rows of a list operation: `await` gives the first answer, `async for` every row, `pages()` whole pages."""

    def __await__(self) -> Generator[Any, Any, AnswerT]: ...

    def __aiter__(self) -> AsyncIterator[RowT]: ...

    def rows(self, *, strict: bool = False, prefetch: int = 0, size: int | None = None) -> AsyncIterator[RowT]:
        """Every row of every page; the arguments are those of `pages`."""
        ...

    def pages(
        self, *, strict: bool = False, prefetch: int = 0, size: int | None = None
    ) -> AsyncIterator[Page[AnswerT, RowT]]:
        """Page after page.

        `size` is how many rows to ask for at a time (default: the largest documented page). `prefetch` pages are asked
        for ahead of the reader. `strict` raises unless every row that the service counts was seen exactly once.
        """
        ...


class RawResponse(Protocol[T_co]):
    """An answer as it came, beside what it was parsed to."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...
    @property
    def parsed(self) -> T_co: ...
    @property
    def http_response(self) -> httpx.Response:
        """The answer as an httpx object, built when asked for; its request carries no secrets."""
        ...


class Caller(Protocol):
    """Whatever sends requests for a resource class."""

    async def call(self, request: Request, parse: Callable[[Any], T], /) -> T: ...

    def pager(
        self, request: Request, parse: Callable[[Any], AnswerT], paging: Paging[AnswerT, RowT], /
    ) -> Pager[AnswerT, RowT]: ...


class Resource:
    """The operations of one tag, bound to whatever sends them."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def with_raw_response(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[RawResponse[T]]]:
    """The type of a method whose resource is bound to a caller that returns raw responses."""
    return cast("Callable[P, Awaitable[RawResponse[T]]]", method)


# Python values to wire values; `name` is the argument that an error names


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def _since_epoch(name: str, value: object, unit: timedelta) -> int:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidInput(name, value, "a datetime with a time zone")
    return (value - _EPOCH) // unit


def to_seconds(name: str, value: object) -> int:
    """Whole seconds since 1970-01-01 UTC; fractions are cut off."""
    return _since_epoch(name, value, _SECOND)


def to_milliseconds(name: str, value: object) -> int:
    """Whole milliseconds since 1970-01-01 UTC; fractions are cut off."""
    return _since_epoch(name, value, _MILLISECOND)


def to_date(name: str, value: object) -> str:
    """A day as `yyyy-MM-dd`. A datetime is refused: which day it is depends on where."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidInput(name, value, "a date")
    return value.isoformat()


def to_hours_minutes(name: str, value: object) -> str:
    """A span of at most a day as `HH:mm`."""
    if not isinstance(value, timedelta) or not timedelta() <= value <= _DAY or value % _MINUTE:
        raise InvalidInput(name, value, "a timedelta of whole minutes, at most 24 hours")
    hours, minutes = divmod(value // _MINUTE, 60)
    return f"{hours:02}:{minutes:02}"


def to_local_minutes(name: str, value: object, offset_name: str, offset: int | None) -> tuple[str, int]:
    """A moment as the wall clock `yyyy-MM-dd'T'HH:mm` at a UTC offset in whole hours, and that offset.

    Without an `offset` it is that of the datetime.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidInput(name, value, "a datetime with a time zone")
    if offset is not None:
        if isinstance(offset, bool) or not isinstance(offset, int) or not -23 <= offset <= 23:
            raise InvalidInput(offset_name, offset, "a UTC offset in whole hours")
        value = value.astimezone(timezone(offset * _HOUR))
    shift = value.utcoffset() or timedelta()
    if shift % _HOUR:
        raise InvalidInput(name, value, f"a UTC offset of whole hours; say which in {offset_name}")
    if value.second or value.microsecond:
        raise InvalidInput(name, value, "whole minutes")
    return value.replace(tzinfo=None).isoformat(timespec="minutes"), shift // _HOUR


def to_iso_8601(name: str, value: object) -> str:
    """A moment in UTC as `yyyy-MM-dd'T'HH:mm:ssZ`; a text, such as a wall-clock time, as it is."""
    if isinstance(value, str):
        return value
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidInput(name, value, "a datetime with a time zone, or a text that is sent as it is")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def to_number(name: str, value: object) -> Number:
    """A finite number. JSON has no NaN, and would turn it into a null."""
    try:
        # neither a signalling NaN nor an integer beyond every float can be asked
        if not isinstance(value, bool) and isinstance(value, (int, float, Decimal)) and isfinite(value):
            return value
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(name, value, "a finite number")


def to_flag(name: str, value: object) -> int:
    """A truth value as the wire's 0 or 1."""
    if not isinstance(value, int) or value not in (0, 1):
        raise InvalidInput(name, value, "True or False")
    return int(value)


def to_text(value: Any) -> str:
    """A query or form value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is UNSET:
        raise InvalidInput("query", value, "a value, or None to leave it out")
    return str(value.value if isinstance(value, Enum) else value)


def path_id(name: str, value: object) -> str:
    """A path segment that must be a whole number: anything else could name another operation."""
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.removeprefix("-").isdigit():
        raise InvalidInput(name, value, "a whole number")
    return text


def path_text(name: str, value: str) -> str:
    """A path segment of free text, percent-encoded."""
    if not value or value in (".", ".."):
        raise InvalidInput(name, value, "a non-empty text")
    return quote(value, safe="")


def _joined(name: str, value: object, separator: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    # bytes are iterable, too: as numbers that nobody meant
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
        raise InvalidInput(name, value, "an id, a text or an iterable of these")
    parts = []
    for part in value:
        if isinstance(part, bool) or not isinstance(part, (int, str)):
            raise InvalidInput(name, part, "entries that are ids or texts")
        parts.append(to_text(part))
    # an empty list would go out as "", which some operations read as "all"
    if not parts:
        raise InvalidInput(name, value, "at least one entry")
    for part in parts:
        if not part or separator in part:
            raise InvalidInput(name, part, f"entries that are not empty and hold no {separator!r}")
    return separator.join(parts)


def comma(name: str, value: object) -> str:
    """A list that the wire carries as one string with commas."""
    return _joined(name, value, ",")


def comma_milliseconds(name: str, value: object) -> str:
    """Moments as epoch milliseconds in one string with commas."""
    if isinstance(value, (str, datetime)) or not isinstance(value, Iterable):
        raise InvalidInput(name, value, "an iterable of datetimes with a time zone")
    return comma(name, [to_milliseconds(name, moment) for moment in value])


def newline(name: str, value: object) -> str:
    """A list that the wire carries as one string with line breaks."""
    return _joined(name, value, "\n")


def plain(value: Any) -> Any:
    """A model, or a container of models, as JSON values."""
    if isinstance(value, (int, str, float)):
        return value
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key.value if isinstance(key, Enum) else key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        return value
    return [plain(item) for item in value]


# Wire values to Python values; what does not fit its documented form is kept as it came


def from_seconds(value: Any) -> Any:
    try:
        return _EPOCH + value * _SECOND
    except (TypeError, OverflowError, ValueError):
        return value


def from_milliseconds(value: Any) -> Any:
    try:
        return _EPOCH + value * _MILLISECOND
    except (TypeError, OverflowError, ValueError):
        return value


def from_date(value: Any) -> Any:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return value


def from_hours_minutes(value: Any) -> Any:
    try:
        hours, minutes = value.split(":")
        return timedelta(hours=int(hours), minutes=int(minutes))
    except (AttributeError, OverflowError, ValueError):
        return value


def from_iso_8601(value: Any) -> Any:
    """A text without an offset stays one: whose wall clock it shows stands elsewhere."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return value if moment.tzinfo is None else moment


def to_decimal(value: Any) -> Any:
    """A decimal that is exactly the text of a number; a float by its shortest one."""
    try:
        return Decimal(repr(value)) if type(value) is float else Decimal(value)
    except (TypeError, ValueError, InvalidOperation):
        return value


def to_integer(value: Any) -> Any:
    """Ids that some answers carry as text."""
    if type(value) is str:
        try:
            return int(value)
        except ValueError:
            return value
    return value


def member_of(enum: type[Enum], *, fold_case: bool = False) -> Callable[[Any], Any]:
    """A reader for an open enum: known values become members, others stay what they are."""
    members = {member.value.lower() if fold_case else member.value: member for member in enum}

    def read(value: Any) -> Any:
        try:
            return members.get(value.lower() if fold_case and type(value) is str else value, value)
        except TypeError:
            return value

    return read


def reader(
    names: Sequence[str], aliases: Iterable[str] = ()
) -> Callable[[Mapping[str, Any]], tuple[Any, dict[str, Any]]]:
    """A function that takes a wire object apart: the values of `names` in order, and what has another name.

    Rows come by the thousand, and most carry every field: one C call reads them all.
    """
    complete = itemgetter(*names) if len(names) > 1 else lambda wire: (wire[names[0]],)
    known = frozenset((*names, *aliases))
    count = len(names)

    def read(wire: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        if len(wire) >= count:
            try:
                values = complete(wire)
            except KeyError:
                pass
            else:
                if len(wire) == count:
                    return values, {}
                return values, {name: value for name, value in wire.items() if name not in known}
        get = wire.get
        values = [get(name, UNSET) for name in names]
        if known.issuperset(wire):
            return values, {}
        return values, {name: value for name, value in wire.items() if name not in known}

    return read


class Model:
    """The base of generated models: `from_dict` reads wire values, `to_dict` writes them."""

    __slots__ = ()

    _wire: ClassVar[tuple[tuple[str, str, Callable[[str, Any], Any] | None], ...]]
    """Attribute, wire name, and what turns the value into a wire value where its type alone does not say."""

    _secret: ClassVar[frozenset[str]] = frozenset()
    """Attributes that a repr does not show."""

    additional_properties: dict[str, Any]

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name, _, _ in self._wire)
        fields = (
            f"{name}={'***' if name in self._secret else repr(value)}" for name, value in shown if value is not UNSET
        )
        return f"{type(self).__name__}({', '.join(fields)})"

    def to_dict(self) -> dict[str, Any]:
        """The wire's JSON object; fields that are UNSET are left out."""
        wire: dict[str, Any] = {}
        for attribute, name, convert in self._wire:
            value = getattr(self, attribute)
            if value is not UNSET:
                wire[name] = plain(value) if convert is None or value is None else convert(attribute, value)
        wire.update(self.additional_properties)
        return wire
