"""A caller of FreeWheel's sandbox that is not adflight's: plain aiohttp, XML as text, answers read by ElementTree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import aiohttp

from adflight.sandbox import Sandbox

V3 = "/services/v3"


class Answer:
    """A response, read."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def root(self) -> ElementTree.Element:
        """The root element; the answer must be XML."""
        assert self.headers["Content-Type"].startswith("application/xml"), (self.status, self.content)
        return ElementTree.fromstring(self.content)

    def text(self, path: str) -> str | None:
        """The text of an element, None where it is empty; it must be there."""
        element = self.root.find(path)
        assert element is not None, (path, self.content)
        return element.text

    def texts(self, path: str) -> list[str | None]:
        """The texts of all elements at a path."""
        return [element.text for element in self.root.findall(path)]

    @property
    def names(self) -> list[str]:
        """The names of the children of the root."""
        return [element.tag for element in self.root]


class Caller:
    """Sends requests below `/services/v3` unless they name another place."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.headers = {"Accept": "application/xml"}

    async def log_in(self, username: str | None = None, password: str | None = None) -> Answer:
        """Ask for a token, and send it from now on."""
        platform = self.sandbox.freewheel
        form = {
            "grant_type": "password",
            "username": username or platform.USERNAME,
            "password": password or platform.PASSWORD,
        }
        answer = await self._answer("POST", "/auth/token", {"Accept": "application/json"}, form, None)
        if answer.status == 200:
            self.headers = {**self.headers, "Authorization": f"Bearer {answer.json['access_token']}"}
        return answer

    async def send(
        self,
        method: str,
        path: str,
        xml: str | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; a path that is not below `/v3` or `/auth` is one below `/services/v3`."""
        sent = {**self.headers, **({} if xml is None else {"Content-Type": "application/xml"}), **(headers or {})}
        place = path if path.startswith(("/v3/", "/auth/", "/services/")) else V3 + path
        return await self._answer(method, place, sent, None if xml is None else xml.encode(), query)

    async def create(self, name: str = "Spring", campaign: int = 501, xml: str = "") -> int:
        """Create an insertion order and return its id."""
        body = f"<insertion_order><name>{name}</name><campaign_id>{campaign}</campaign_id>{xml}</insertion_order>"
        answer = await self.send("POST", "/insertion_order", body)
        assert answer.status == 201, answer.content
        return int(answer.text("id") or 0)

    async def get(self, order: int, **query: str) -> Answer:
        """Get an insertion order."""
        return await self.send("GET", f"/insertion_orders/{order}", query=query)

    async def _answer(
        self, method: str, path: str, headers: Mapping[str, str], data: Any, query: Mapping[str, Any] | None
    ) -> Answer:
        url = self.sandbox.freewheel.url + path
        params = {name: str(value) for name, value in (query or {}).items()}
        async with self.session.request(method, url, data=data, headers=headers, params=params) as response:
            return Answer(response.status, response.headers, await response.read())


def currency(amount: str, more: str = "") -> str:
    """A budget in money."""
    model = "<budget_model>CURRENCY_TARGET</budget_model>"
    return f"<budget>{model}<currency>{amount}</currency>{more}</budget>"


def impressions(amount: str, more: str = "") -> str:
    """A budget in impressions."""
    model = "<budget_model>IMPRESSION_TARGET</budget_model>"
    return f"<budget>{model}<impression>{amount}</impression>{more}</budget>"
