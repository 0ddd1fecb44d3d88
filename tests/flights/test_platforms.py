from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from adflight import IQM, Icareus, InvalidInput
from adflight.flights.platforms import platform_for
from tests.flights.fake_platform import FakePlatform


def client() -> IQM:
    return IQM(client_id="id", client_secret="secret", email="ada@example.com", password="password")


def test_a_platform_is_its_own() -> None:
    platform = FakePlatform()
    assert platform_for(platform) is platform


def test_a_client_has_that_of_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ours(IQM):
        """As applications derive one."""

    module = ModuleType("adflight.flights.iqm")
    platform, given = FakePlatform(), []

    def made_of(client: IQM) -> FakePlatform:
        given.append(client)
        return platform

    vars(module)["IQMPlatform"] = made_of
    monkeypatch.setitem(sys.modules, "adflight.flights.iqm", module)
    iqm = client()
    ours = Ours(client_id="id", client_secret="secret", email="ada@example.com", password="password")
    assert platform_for(iqm) is platform
    assert platform_for(ours) is platform
    assert given == [iqm, ours]


def test_what_is_no_client_is_refused() -> None:
    nobody: Any = None
    with pytest.raises(InvalidInput, match="client='NoneType': expected a client of IQM or FreeWheel"):
        platform_for(nobody)


def test_a_vendor_without_flights_is_refused() -> None:
    icareus = Icareus(base_url="https://suite.example.com", organization_id=1, token="token", user_id=2)
    with pytest.raises(InvalidInput, match="client='Icareus': expected a client of IQM or FreeWheel"):
        platform_for(icareus)
