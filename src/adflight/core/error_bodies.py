"""What the body of a refusal says is wrong, whatever shape it has.

Pure. Services refuse in JSON of many shapes, those that speak XML in XML of a shape that nobody documents, and proxies
in between in HTML or plain text. Imports redaction; used by `judge`, and by calls that no specification knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import islice
from typing import Any, Final

import orjson

from adflight.core.redaction import redact_text
from adflight_api.runtime import Operation

_MAX_ERRORS: Final = 50
# texts that are looked at for those that differ; a body may repeat one a million times
_MAX_TEXTS: Final = 1000
_MAX_LENGTH: Final = 500
_MAX_DEPTH: Final = 8

_TEXTS: Final = ("error", "errorMsg", "errorMessage", "message", "error_description", "detail", "reason")
# a gateway's "Message" means the same
_SPELLED: Final = {"Message": "message", "Error": "error", "Errors": "errors"}
_PLACES: Final = ("field", "errorField", "campaignName")
_NESTED: Final = ("errorObjects", "errors", "error", "responseObject", "data", "reason")

_TITLE: Final = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)

# parts of the names under which undocumented XML tells what is wrong, in lower case
_TELLING: Final = ("error", "message", "reason", "fault", "detail", "description")


def read(operation: Operation, content: bytes) -> Any:
    """A refusal's decoded body: JSON, or of an operation that speaks XML any XML; None when it is neither."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if operation.media != "xml":
            return None
    try:
        return read_xml(content)
    except ValueError:
        return None


def read_xml(content: bytes) -> Any:
    """Any XML, untyped, as `{name of the root: what is in it}`. Raises `ValueError`, for pages too."""
    # what speaks only JSON need not load it
    from adflight_api.xml import decode_untyped

    return decode_untyped(content)


def complaints(operation: Operation, payload: Any, content: bytes) -> tuple[str, ...]:
    """What a refusal says is wrong, one text an error: from what was `read`, or from the bytes where that was None."""
    if payload is None:
        return _page(content, operation)
    if operation.media == "xml" and content.lstrip().startswith(b"<"):
        return _bounded(_harvest(payload, _MAX_DEPTH)) or _bounded(_leaves(payload, _MAX_DEPTH))
    return messages(payload)


def messages(payload: Any) -> tuple[str, ...]:
    """What a decoded JSON body says is wrong, one text an error, each once; whatever shape it has."""
    return _bounded(_texts(payload, _MAX_DEPTH))


def _page(content: bytes, operation: Operation) -> tuple[str, ...]:
    text = content[:20_000].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        broken = "" if operation.media == "xml" else "a page, not JSON"
        text = f"a page titled {unescape(title[2]).strip()!r}" if title else broken
    elif text.startswith(("{", "[")):
        # cut-off JSON says nothing to a reader, and may hold anybody's data
        text = ""
    return messages(text[:_MAX_LENGTH])


def _bounded(texts: Iterator[str]) -> tuple[str, ...]:
    tidy = (redact_text(" ".join(text.split()))[:_MAX_LENGTH] for text in islice(texts, _MAX_TEXTS))
    return tuple(islice(dict.fromkeys(filter(None, tidy)), _MAX_ERRORS))


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)
    elif isinstance(value, dict) and depth:
        value = {_SPELLED.get(key, key): inner for key, inner in value.items()}
        own = ": ".join(text for key in _TEXTS if isinstance(text := value.get(key), str) and text)
        place = next((place for key in _PLACES if isinstance(place := value.get(key), str) and place), None)
        if own:
            yield f"{place}: {own}" if place else own
        for key in _NESTED:
            inner = value.get(key)
            if key == "errors" and isinstance(inner, dict) and not any(map(inner.get, (*_TEXTS, *_NESTED))):
                # {"name": ["too short"]}: the keys are fields
                for field, problem in inner.items():
                    for text in _texts(problem, depth - 1):
                        yield f"{field}: {text}"
            elif key not in _TEXTS or not isinstance(inner, str):
                yield from _texts(inner, depth - 1)


def _harvest(value: Any, depth: int) -> Iterator[str]:
    """The texts under telling names, with the code beside them."""
    if isinstance(value, list) and depth:
        for item in value:
            yield from _harvest(item, depth - 1)
    elif isinstance(value, dict) and depth:
        own = [text for key, inner in value.items() if _telling(key) for text in _plain(inner)]
        codes = [text for key, inner in value.items() if key.lower().endswith("code") for text in _plain(inner)]
        if codes and len(own) < 2:
            yield ": ".join([f"code {codes[0]}", *own])
        else:
            yield from own
        for key, inner in value.items():
            if not isinstance(inner, str):
                found = tuple(_harvest(inner, depth - 1))
                # inside <error> every word counts, whatever it is called
                yield from found or (_leaves(inner, depth - 1) if _telling(key) and isinstance(inner, dict) else ())


def _telling(name: str) -> bool:
    name = name.lower()
    return any(part in name for part in _TELLING) and not name.endswith("code")


def _plain(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _leaves(value: Any, depth: int, name: str = "") -> Iterator[str]:
    """All texts, each with the name of its element."""
    if isinstance(value, str):
        yield f"{name}: {value}" if name and not name.startswith("#") else value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _leaves(item, depth - 1, name)
    elif isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from _leaves(inner, depth - 1, key)
