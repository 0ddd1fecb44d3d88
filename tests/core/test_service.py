from __future__ import annotations

import pytest

from adflight.core.service import Service, service_of


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v3",
        "https://api.example.com/v3/",
        "https://API.Example.com/v3",
        "HTTPS://api.example.com:443/v3//",
    ],
)
def test_one_service_however_its_url_is_written(url: str) -> None:
    assert service_of(url) == Service("https", "api.example.com", "/v3")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v3",
        "https://api.example.com/v4",
        "https://api.example.com:8443/v3",
        "https://api.example.com:80/v3",
        "https://stage.example.com/v3",
    ],
)
def test_others_are_others(url: str) -> None:
    assert service_of(url) != service_of("https://api.example.com/v3")


def test_a_port_of_its_own_is_named() -> None:
    assert service_of("http://localhost:8080").host == "localhost-8080"


@pytest.mark.parametrize("url", ["", "nonsense", "https://", "https://[", "https://api.example.com:port"])
def test_what_is_no_url_has_no_host(url: str) -> None:
    assert service_of(url) == Service("", "", url)
