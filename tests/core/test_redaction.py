from __future__ import annotations

import json
import re
from html import escape
from time import perf_counter
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.attempt import with_query
from adflight.core.redaction import (
    MASK,
    SECRET_NAMES,
    RedactedRequest,
    redact_body,
    redact_content,
    redact_headers,
    redact_request,
    redact_text,
    redact_url,
    redact_values,
    secret_names,
    secret_values,
)

SECRET = "Gx7-only-I-know_42"

SECRET_FIELDS = ["password", "access_token", "accessToken", "refresh-token", "CLIENT_SECRET", "token", "apiKey"]


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://api.example.com/a?x=1&y=a%20b", "https://api.example.com/a?x=1&y=a%20b"),
        ("https://ada:secret@api.example.com:8443/a", "https://api.example.com:8443/a"),
        ("https://api.example.com/a?token=abc&x=a%20b", "https://api.example.com/a?token=***&x=a%20b"),
        ("https://api.example.com/a?Access-Token=abc&e=", "https://api.example.com/a?Access-Token=***&e="),
        ("/relative?password=abc", "/relative?password=***"),
    ],
)
def test_urls(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


def test_headers() -> None:
    headers = {"authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "application/json"}
    assert redact_headers(headers) == {
        "authorization": "***",
        "Cookie": "***",
        "X-Api-Key": "***",
        "Accept": "application/json",
    }


def test_a_vendor_adds_names() -> None:
    names = secret_names("X-Vendor-Key", "pin")
    assert names > SECRET_NAMES
    assert redact_body({"xVendorKey": 1, "PIN": 2, "password": 3, "other": 4}, names) == {
        "xVendorKey": "***",
        "PIN": "***",
        "password": "***",
        "other": 4,
    }
    assert redact_content(b'{"pin": 1', names) == b'{"pin": ***'


def nested(inner: Any, path: list[str | int]) -> Any:
    for step in path:
        inner = [None, inner] if isinstance(step, int) else {step: inner, "other": 1}
    return inner


@pytest.mark.parametrize("token", ["a/b+c==", "a*b c", "d<e>&f", 'q"u\\o', "tökén", "plain-T0ken"])
def test_a_value_is_found_in_whatever_spelling_a_service_repeats_it(token: str) -> None:
    values = secret_values({}, {"token": token, "name": "Spring"})
    percent = with_query("/x", {"token": token}).partition("=")[2]
    lower = re.sub("%..", lambda escape: escape[0].lower(), percent)
    entities = "".join(letter if letter.isalnum() else f"&#x{ord(letter):X};" for letter in token)
    in_json = orjson.dumps(token).decode()[1:-1]
    spellings = [token, percent, lower, percent.replace("%20", "+"), quote(token), quote(percent), entities]
    spellings += [escape(token), token.replace("/", r"\/"), in_json, orjson.dumps(in_json).decode()[1:-1]]
    for spelled in spellings:
        assert redact_values(f"<Invalid {spelled} of Spring>", values) == "<Invalid *** of Spring>"
        assert redact_values({spelled: [spelled.encode()]}, values) == {"***": [b"***"]}
    unicode = "".join(f"\\u{ord(letter):04X}" for letter in token)
    for content in (f'{{"message": "Invalid {unicode}"}}', f'{{"a": ["Invalid {unicode}", "b"]}}'):
        masked = content.replace(unicode, "***").encode()
        assert orjson.loads(redact_content(content.encode(), values=values)) == orjson.loads(masked)


@given(st.text(min_size=4, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_value_is_found_as_it_is_and_as_it_goes_out(token: str) -> None:
    values = secret_values({}, {"token": token})
    for spelled in (token, quote(token, safe="*"), escape(token), orjson.dumps(token).decode()[1:-1]):
        assert redact_values(f"({spelled})", values) == "(***)"
    assert redact_values(b"\xff" + token.encode(), values) == b"\xff***"


paths = st.lists(st.one_of(st.text(max_size=5), st.integers(0, 1)), max_size=12)


@given(paths, st.sampled_from(SECRET_FIELDS), st.sampled_from([SECRET, [SECRET], {"value": SECRET}]))
def test_no_body_shows_a_secret_at_any_depth(path: list[str | int], name: str, value: Any) -> None:
    body = nested({name: value, "kept": "visible"}, path)
    redacted = redact_body(body)
    assert SECRET not in repr(redacted)
    assert "visible" in repr(redacted) or any(redact_body({step: 1}) != {step: 1} for step in path)
    assert SECRET in repr(body), "the original is left alone"


def test_endless_depth_is_masked_not_followed() -> None:
    body: Any = {"password": SECRET}
    for _ in range(300):
        body = {"a": [body]}
    assert SECRET not in repr(redact_body(body))
    rows: Any = [SECRET]
    for _ in range(300):
        rows = [rows]
    assert SECRET not in repr(redact_body(rows))


@given(
    st.sampled_from(SECRET_FIELDS),
    st.text(max_size=8),
    st.integers(0, 200),
    st.sampled_from(["json", "spaced", "escaped"]),
)
def test_no_cut_off_content_shows_a_secret(name: str, around: str, cut: int, form: str) -> None:
    whole = orjson.dumps({"data": around, "inner": [{name: SECRET + around, "n": 1}]})
    if form == "spaced":
        whole = whole.replace(b'":', b'" : ')
    if form == "escaped":
        whole = orjson.dumps({"note": whole.decode()})[:-1]
    shown = redact_content(whole[:cut])
    # a few first characters of what was cut off are no secret, all but those are
    assert SECRET[:8].encode() not in shown
    assert SECRET.encode() not in redact_content(whole)


@given(st.binary(max_size=60))
def test_content_without_secrets_is_untouched(content: bytes) -> None:
    if b":" not in content and b"=" not in content:
        assert redact_content(content) == content


def test_whole_json_stays_json() -> None:
    content = b'{"token": 12, "list": [{"password": null, "a": 1.50}]}'
    assert orjson.loads(redact_content(content)) == {"token": "***", "list": [{"password": "***", "a": 1.5}]}
    assert redact_content(b'{"a": 1.50}') == b'{"a": 1.50}', "what holds no secret keeps its bytes"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("grant_type=x&refresh_token=abc%20d&e=f", "grant_type=x&refresh_token=***&e=f"),
        ("<p>Authorization: Bearer abcdefghijklmnop.qrs</p>", "<p>Authorization: Bearer ***</p>"),
        ("Basic YWRhOnNlY3JldC1zZWNyZXQ= was refused", "Basic *** was refused"),
        ("Basic authentication needed", "Basic authentication needed"),
        ('{"token":tru', '{"token":***'),
        ("mytoken=abc", "mytoken=abc"),
        ('bad credentials: password="hunter 22" for ada', 'bad credentials: password="***" for ada'),
        ("bad credentials: password = 'hunter, 22' for ada", "bad credentials: password = '***' for ada"),
        (r'{"a": "password=\"hunter 22\" for ada"', r'{"a": "password=\"***"'),
        ("{'password': 'hunter 22', 'user': 'ada'}", "{'password': '***', 'user': 'ada'}"),
        ("{'password': \"it's 22\", 'user': 'ada'}", "{'password': \"***\", 'user': 'ada'}"),
        ("{'token': 12, 'user': 'ada'}", "{'token': ***, 'user': 'ada'}"),
        ("{'token': 'cut o", "{'token': '***"),
        ("the token = 5 minutes old", "the token = 5 minutes old"),
        ("the password's letters", "the password's letters"),
    ],
)
def test_forms_and_echoing_pages(text: str, redacted: str) -> None:
    assert redact_content(text.encode()) == redacted.encode()


def test_json_that_echoes_a_header() -> None:
    content = b'{"error": "bad header: Bearer abcdefghijklmnopqrstu", "token": "x"}'
    assert orjson.loads(redact_content(content)) == {"error": "bad header: Bearer ***", "token": "***"}


def test_texts() -> None:
    assert redact_text("Bearer abcdefghijklmnopqrstu, bearer abcdefghijklmnopqrstu") == "Bearer ***, bearer ***"


def test_a_request_shows_no_secret_and_encodes_like_the_original() -> None:
    shown = redact_request(
        "POST",
        "https://api.example.com/log-in?token=abc",
        {"Authorization": "Basic abc", "Content-Type": "application/x-www-form-urlencoded"},
        {"username": "ada@example.com", "password": SECRET},
    )
    assert shown == RedactedRequest(
        "POST",
        "https://api.example.com/log-in?token=***",
        {"Authorization": "***", "Content-Type": "application/x-www-form-urlencoded"},
        {"username": "ada@example.com", "password": "***"},
    )
    assert shown.content == b"username=ada%40example.com&password=***"
    assert "ada@example.com" not in repr(shown)


def test_the_content_of_other_requests() -> None:
    assert RedactedRequest("GET", "/a", {}, None).content is None
    assert RedactedRequest("POST", "/a", {}, {"a": [1]}).content == b'{"a":[1]}'


@pytest.mark.parametrize(
    ("content", "redacted"),
    [
        (b"<a><token>x</token><b>y</b></a>", b"<a><token>***</token><b>y</b></a>"),
        (b"<v:Api-Key\n id='1'>x<b>y</b></v:Api-Key><b/>", b"<v:Api-Key\n id='1'>***</v:Api-Key><b/>"),
        (b"<a><password><![CDATA[x</b>]]></password><b/></a>", b"<a><password>***</password><b/></a>"),
        (b"<a><token/><b>y</b></a>", b"<a><token/><b>y</b></a>"),
        (b"<a><tokens>2</tokens><mytoken>y</mytoken></a>", b"<a><tokens>2</tokens><mytoken>y</mytoken></a>"),
        (b'<a secret=\'x\' b = "y" apiKey = "z"/>', b'<a secret=\'***\' b = "y" apiKey = "***"/>'),
        (b"<a><token>cut of", b"<a><token>***"),
        (b'<a token="cut of', b'<a token="***'),
    ],
)
def test_xml(content: bytes, redacted: bytes) -> None:
    assert redact_content(content) == redacted


def test_a_body_that_is_neither_json_nor_a_form() -> None:
    body = {"name": "x", "password": "p"}
    shown = redact_request(
        "POST", "/a", {"Content-Type": "application/xml"}, body, written=b"<a><password>p</password></a>"
    )
    assert shown.body == {"name": "x", "password": "***"}
    assert shown.content == b"<a><password>***</password></a>"


def test_a_page_of_backslashes_takes_no_time() -> None:
    # from each of them all others were looked through: minutes for a megabyte
    page = b"\\" * 1_000_000
    before = perf_counter()
    assert redact_values(page, ("/sesame",)) == page
    assert perf_counter() - before < 10


def test_json_in_json_in_json_hides_nothing() -> None:
    text = '"sesame"'
    for _ in range(3):
        assert redact_values(json.dumps(text), ('"sesame"',)).count(MASK) == 1
        text = json.dumps(text)
