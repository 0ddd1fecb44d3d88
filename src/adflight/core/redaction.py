"""Takes secrets out of whatever errors, hooks and logs may show.

A secret is known by the name it goes by: a header, a query parameter, a field at any depth of a body. Names are
compared without case, `-` and `_`, so that `accessToken` is `access_token`. A vendor adds names with `secret_names`.
What was sent as one is also known by its value, wherever a service may repeat it.

Nothing here runs while calls succeed without hooks. May be imported from anywhere in core; imports nothing of adflight.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from html import escape
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import orjson
from attrs import field, frozen

T = TypeVar("T")

MASK: Final = "***"

# a value that is shorter would be found everywhere, and hides nothing that cannot be guessed
_SHORTEST: Final = 4

# deeper nesting than any JSON reader accepts is masked rather than followed
_MAX_DEPTH: Final = 200


def _bare(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def secret_names(*more: str) -> frozenset[str]:
    """The names that are secret anywhere, and `more` of them for a vendor, in the form that this module compares."""
    return SECRET_NAMES.union(map(_bare, more))


SECRET_NAMES: Final = frozenset(
    map(
        _bare,
        (
            "access_token",
            "api_key",
            "apikey",
            "authorization",
            "authentication",
            "client_secret",
            "cookie",
            "id_token",
            "passwd",
            "password",
            "private_key",
            "proxy_authorization",
            "refresh_token",
            "secret",
            "set_cookie",
            "token",
            "x_api_key",
            "x_auth_token",
        ),
    )
)

# what a proxy's error page may echo
_ECHO: Final = re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{16,}", re.IGNORECASE)


@frozen
class RedactedRequest:
    """A request as errors and hooks show it: nothing in it opens any door."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)
    """The JSON value, the form, or what XML was made of; None for no body, and for one that was passed as text."""
    written: bytes | None = field(default=None, repr=False)
    """The body as it went out, less its secrets, where it is neither JSON nor a form."""

    @property
    def content(self) -> bytes | None:
        """The body, encoded as the headers say; it is not what was sent where secrets were taken out."""
        if self.written is not None or self.body is None:
            return self.written
        if "urlencoded" in self.headers.get("Content-Type", ""):
            return urlencode(self.body, safe=MASK).encode()
        return orjson.dumps(self.body)


def redact_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Any,
    secrets: frozenset[str] = SECRET_NAMES,
    *,
    written: bytes | None = None,
) -> RedactedRequest:
    """A request without its secrets; `written` is a body that is neither JSON nor a form."""
    return RedactedRequest(
        method,
        redact_url(url, secrets),
        redact_headers(headers, secrets),
        redact_body(body, secrets),
        None if written is None else redact_content(written, secrets),
    )


def redact_url(url: str, secrets: frozenset[str] = SECRET_NAMES) -> str:
    """A URL without user, password and secret query parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # such as a redirect to "http://[": where its secrets are cannot be told
        return MASK
    host = parts.netloc.rpartition("@")[2]
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(_bare(name) in secrets for name, _ in query):
        masked = [(name, MASK if _bare(name) in secrets else value) for name, value in query]
        parts = parts._replace(query=urlencode(masked, quote_via=quote, safe="*"))
    return urlunsplit(parts._replace(netloc=host))


def redact_headers(headers: Mapping[str, str], secrets: frozenset[str] = SECRET_NAMES) -> dict[str, str]:
    """Headers with the values of secret ones masked."""
    return {name: MASK if _bare(name) in secrets else value for name, value in headers.items()}


def redact_body(body: Any, secrets: frozenset[str] = SECRET_NAMES) -> Any:
    """A copy of a JSON value with the values of secret fields masked, at any depth."""
    return _masked(body, secrets, _MAX_DEPTH)


def _masked(value: Any, secrets: frozenset[str], depth: int) -> Any:
    if isinstance(value, Mapping):
        if not depth:
            return MASK
        return {
            key: MASK if _bare(str(key)) in secrets else _masked(item, secrets, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray)):
        return [_masked(item, secrets, depth - 1) for item in value] if depth else MASK
    return value


def redact_content(content: bytes, secrets: frozenset[str] = SECRET_NAMES, values: tuple[str, ...] = ()) -> bytes:
    """Bytes with secrets masked: JSON, XML or a form, whole or cut off, or a page that echoes headers or `values`."""
    text = content.decode("utf-8", "surrogateescape")
    masked = redact_text(text)
    try:
        payload = orjson.loads(content)
    except orjson.JSONDecodeError:
        masked = _fields(secrets).sub(rf"\g<head>{MASK}", masked)
        if "<" in masked:
            for pattern in _xml(secrets):
                masked = pattern.sub(rf"\g<head>{MASK}\g<tail>", masked)
    else:
        # JSON spells one text in many ways, so values are looked for in what it says, too
        redacted = redact_values(redact_body(payload, secrets), values)
        if redacted != payload:
            masked = redact_text(orjson.dumps(redacted).decode())
    content = content if masked == text else masked.encode("utf-8", "surrogateescape")
    return redact_values(content, values)


def redact_text(text: str) -> str:
    """A text with credentials masked that look like the value of an `Authorization` header."""
    return _ECHO.sub(rf"\1\2{MASK}", text)


def secret_values(headers: Mapping[str, str], sent: Any, secrets: frozenset[str] = SECRET_NAMES) -> tuple[str, ...]:
    """The secrets among what was sent, which a service may repeat; the longest first.

    `sent` is a JSON value, in which a secret is what goes by a secret name at any depth.
    """
    values = {value for name, text in headers.items() if _bare(name) in secrets for value in _opening(name, text)}
    return _longest_first(values.union(_named(sent, secrets, _MAX_DEPTH)))


def query_values(url: str) -> tuple[str, ...]:
    """All that the query of a signed URL says, whole and in parts, and a password in it; the longest first."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # where its query is cannot be told
        return _longest_first({url})
    said = (value or name for name, value in parse_qsl(parts.query, keep_blank_values=True))
    return _longest_first({parts.query, unquote(parts.password or ""), *said})


def _longest_first(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted((text for text in values if len(text) >= _SHORTEST), key=len, reverse=True))


def _opening(name: str, text: str) -> Iterator[str]:
    """What of a secret header is the secret: not the scheme before it, nor the names of cookies."""
    if _bare(name) == "cookie":
        yield from (pair.partition("=")[2].strip() for pair in text.split(";"))
    elif _bare(name) in ("authorization", "proxyauthorization"):
        yield text.rpartition(" ")[2]
    else:
        yield text.strip()


def _named(value: Any, secrets: frozenset[str], depth: int, *, is_secret: bool = False) -> Iterator[str]:
    """The texts that go by a secret name, or stand in what does."""
    if isinstance(value, str):
        if is_secret:
            yield value
    elif depth and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(item, secrets, depth - 1, is_secret=is_secret or _bare(str(key)) in secrets)
    elif depth and isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item, secrets, depth - 1, is_secret=is_secret)


def redact_values(shown: T, values: tuple[str, ...]) -> T:
    """Texts, bytes, or a JSON value of any kind, with `values` masked wherever they stand, in keys too."""
    return _without(shown, values, _MAX_DEPTH) if values else shown


def redact_error(error: BaseException, values: tuple[str, ...]) -> None:
    """Masks `values` in an exception's text and attributes."""
    error.args = redact_values(error.args, values)
    vars(error).update(redact_values(vars(error), values))


def _without(value: Any, values: tuple[str, ...], depth: int) -> Any:
    if isinstance(value, str):
        return _spelled(values).sub(MASK, value)
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return _spelled(values).sub(MASK, text).encode("utf-8", "surrogateescape")
    if isinstance(value, Mapping):
        return {
            _without(key, values, depth): _without(item, values, depth - 1) if depth else MASK
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_without(item, values, depth - 1) if depth else MASK for item in value)
    return value


@lru_cache(maxsize=16)
def _spelled(values: tuple[str, ...]) -> re.Pattern[str]:
    """Values in every spelling in which a service may repeat them."""
    return re.compile("|".join("".join(map(_letter, text)) for text in values))


def _letter(letter: str) -> str:
    """One letter as it is, or as URLs, JSON and HTML write it, which they do not do alike for all letters of a text."""
    if letter.isascii() and letter.isalnum():
        return letter
    # escaped twice by URLs inside URLs, and by JSON inside JSON
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))
    html = rf"&#0*{ord(letter)};|&#x0*{ord(letter):x};"
    json_escape = re.escape(json.dumps(letter)[1:-1]) + "|" + rf"\\u{ord(letter):04x}"
    in_query = "|[+]" if letter == " " else ""
    coded = rf"{percent}|{html}|{re.escape(escape(letter))}|{json_escape}"
    # JSON four deep has fifteen backslashes; any number would be looked through again from each of them
    return rf"(?:\\{{1,15}}{re.escape(letter)}|(?i:{coded})|{re.escape(letter)}{in_query})"


@lru_cache
def _fields(secrets: frozenset[str]) -> re.Pattern[str]:
    names = _spellings(secrets)
    # quotes may be escaped: JSON inside a JSON text; single ones are Python's
    mapping = rf"""["'](?:{names})\\*["']\s*:\s*\\*["']?"""
    form = rf"""(?<![\w-])(?:{names})(?:\s*=\s*\\*["']|=)"""
    quoted = r"""(?<=")(?:[^"\\]|\\.)*|(?<=')(?:[^'\\]|\\.)*"""
    return re.compile(rf"""(?P<head>{mapping}|{form})(?:{quoted}|[^\s"&,}}\]]+)""", re.IGNORECASE)


@lru_cache
def _xml(secrets: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands in an element, and in an attribute, up to its end or that of a text that was cut off."""
    name = rf"(?:[\w.-]+:)?(?:{_spellings(secrets)})"
    element = rf"(?P<head><(?P<name>{name})(?:\s[^<>]*)?(?<!/)>).*?(?P<tail></(?P=name)\s*>|\Z)"
    attribute = rf"""(?P<head>\s{name}\s*=\s*(?P<quote>["'])).*?(?P<tail>(?P=quote)|\Z)"""
    return re.compile(element, re.IGNORECASE | re.DOTALL), re.compile(attribute, re.IGNORECASE | re.DOTALL)


def _spellings(secrets: frozenset[str]) -> str:
    # "accesstoken" finds access_token and access-token too
    return "|".join("[_-]?".join(map(re.escape, name)) for name in sorted(secrets, key=len, reverse=True))
