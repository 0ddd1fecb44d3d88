"""A caller of the sandbox that is not adflight's: plain aiohttp, and every JSON answer checked against the document."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from adflight.sandbox import Sandbox
from adflight.sandbox.specification import Operation, load
from adflight.sandbox.validation import Validation

SPECIFICATION = load()
OPERATIONS: dict[str, Operation] = {operation.id: operation for operation in SPECIFICATION.operations}
VALIDATION = Validation(SPECIFICATION)

BASIC = "Basic " + base64.b64encode(f"{Sandbox.CLIENT_ID}:{Sandbox.CLIENT_SECRET}".encode()).decode()

# what faults answer, and no document has
_UNDOCUMENTED = {408, 501, 502, 503, 504}


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
    def inside(self) -> Any:
        """What the envelope holds; the answer must be a success."""
        assert self.status == 200, self.content
        return self.json.get("responseObject", self.json.get("data"))

    @property
    def message(self) -> str:
        """The error in words."""
        if "responseObject" in self.json:
            return str(self.json["responseObject"]["errorMsg"])
        errors = self.json["errorObjects"]
        return str((errors[0] if isinstance(errors, list) else errors)["error"])


class Api:
    """Calls operations by operationId."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.headers: dict[str, str] = {}
        self.refresh_token = ""

    async def log_in(self, email: str = Sandbox.EMAIL, password: str = Sandbox.PASSWORD) -> Answer:
        """Log in, and send the token and the workspace from now on."""
        body = {"grantType": "password", "email": email, "password": password}
        answer = await self.call("auth_login", body=body, headers={"Authorization": BASIC})
        if answer.status == 200:
            token = answer.inside
            self.refresh_token = token["refresh_token"]
            self.headers = {"Authorization": f"Bearer {token['access_token']}", "X-IAA-OW-ID": str(token["owId"])}
        return answer

    async def call(
        self,
        operation_id: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        at: int = 0,
        **path: Any,
    ) -> Answer:
        """Call an operation; `at` chooses among its paths, the documented one being the first."""
        operation = OPERATIONS[operation_id]
        url = operation.paths[at].format(**{name: quote(str(value), safe="") for name, value in path.items()})
        sent = {**self.headers, **(headers or {})}
        content: bytes | None = None
        if body is not None:
            sent.setdefault("Content-Type", operation.media_type or "application/json")
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        params = {name: str(value) for name, value in (query or {}).items()}
        async with self.session.request(
            operation.method, self.sandbox.url + url, data=content, headers=sent, params=params
        ) as response:
            answer = Answer(response.status, response.headers, await response.read())
        if answer.status not in _UNDOCUMENTED and answer.headers["Content-Type"] == "application/json":
            assert VALIDATION.answer_errors(operation, answer.status, answer.content) == []
        return answer

    async def create_order(self, name: str = "Spring", **settings: Any) -> int:
        """Create an insertion order and return its id."""
        body = {"ioName": name, "ioStartTime": 1_000, "ioBudgetTypeId": 1, "ioTimeZoneId": 29, **settings}
        return int((await self.call("insertion_orders_create", body)).inside["ioId"])

    async def create_campaign(self, order: int, name: str = "Flight", **settings: Any) -> int:
        """Create a campaign and return its id."""
        return int((await self.call("campaigns_create", self.campaign(order, name, **settings))).inside["data"])

    def campaign(self, order: int, name: str = "Flight", **settings: Any) -> dict[str, Any]:
        """The body that creates a campaign of ten days from now on; settings that are None are left out."""
        now = int(self.sandbox.now())
        body = {
            "campaignName": name,
            "maxBid": 10,
            "budgetTotal": 1500,
            "startTime": now,
            "endTime": now + 10 * 86400,
            "timezone": 29,
            "budgetDay": 150,
            "creativeType": 11,
            "isAgreementChecked": True,
            "ioId": order,
            "countryId": "30100001",
            "creativeIds": "676384,676385",
            "advertiserDomain": "https://brand.example.com",
            "totalBudgetPacing": False,
            "publisherAdCategory": "",
            "exchanges": "",
            "budgetTypeId": 1,
            "campaignType": 1,
            **settings,
        }
        return {key: value for key, value in body.items() if value is not None}

    async def campaign_row(self, campaign: int) -> dict[str, Any]:
        """A campaign as it is."""
        return dict((await self.call("campaigns_get", campaignId=campaign)).inside)
