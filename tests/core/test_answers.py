from __future__ import annotations

import pickle

import pytest

from adflight.core.answers import Headers, RawAnswer, without_secrets
from adflight.core.redaction import SECRET_NAMES, redact_request
from adflight.core.transport import WireAnswer

HEADERS = Headers({"Content-Type": "application/json", "X-Request-Id": "r1"})


def test_headers_are_looked_up_in_any_case() -> None:
    assert HEADERS["CONTENT-type"] == "application/json"
    assert "x-REQUEST-id" in HEADERS
    assert "x-other" not in HEADERS
    assert dict(HEADERS) == {"content-type": "application/json", "x-request-id": "r1"}
    assert len(HEADERS) == 2
    with pytest.raises(KeyError):
        HEADERS["nothing"]


def test_repr_shows_names_only() -> None:
    assert repr(Headers({"Set-Cookie": "a=b"})) == "Headers(['set-cookie'])"


def test_an_answer_becomes_an_httpx_response_without_secrets() -> None:
    request = redact_request(
        "POST", "https://api.example.com/a", {"Authorization": "Bearer x", "Accept": "*/*"}, {"password": "x", "n": 1}
    )
    raw = RawAnswer(201, HEADERS, b'{"a":1}', {"a": 1}, request)
    response = raw.http_response
    assert (response.status_code, response.json()) == (201, {"a": 1})
    assert response.headers["x-request-id"] == "r1"
    assert response.request.headers["authorization"] == "***"
    assert response.request.content == b'{"password":"***","n":1}'
    assert str(response.request.url) == "https://api.example.com/a"


def test_an_answer_crosses_to_another_process() -> None:
    raw: RawAnswer[list[int]] = RawAnswer(
        200, HEADERS, b"[]", [], redact_request("GET", "https://api.example.com/a", {}, None)
    )
    copy = pickle.loads(pickle.dumps(raw))
    assert copy.headers["X-REQUEST-ID"] == "r1"
    assert (copy.status, copy.content, copy.parsed, copy.request) == (200, b"[]", [], raw.request)


def test_without_secrets_masks_cookies_and_tokens() -> None:
    answer = WireAnswer(200, Headers({"Set-Cookie": "session=abc", "Server": "x"}), b'{"data":{"access_token":"abc"}}')
    shown = without_secrets(answer, SECRET_NAMES)
    assert dict(shown.headers) == {"set-cookie": "***", "server": "x"}
    assert shown.content == b'{"data":{"access_token":"***"}}'
