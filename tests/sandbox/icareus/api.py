"""A caller of Icareus in the sandbox that is not adflight's: plain aiohttp, and every answer checked against the
document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from adflight.sandbox import Sandbox
from adflight.sandbox.specification import Operation, load
from adflight.sandbox.validation import Validation

SPECIFICATION = load(vendor="icareus")
OPERATIONS: dict[str, Operation] = {operation.id: operation for operation in SPECIFICATION.operations}
VALIDATION = Validation(SPECIFICATION)


class Answer:
    """A response, read."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status = status
        self.json: Any = json.loads(content)

    @property
    def done(self) -> Any:
        """The whole answer, which must be a success."""
        assert (self.status, self.json["status"]) == (200, "ok"), self.json
        return self.json

    @property
    def message(self) -> str:
        """Why a rule of the service refused the request."""
        assert (self.status, self.json["status"]) == (200, "error"), self.json
        return str(self.json["message"])


class Api:
    """Calls operations by operationId, at the path that is really called."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        icareus = sandbox.icareus
        self.credentials: dict[str, object] = {
            "organizationId": icareus.ORGANIZATION_ID,
            "token": icareus.TOKEN,
            "userId": icareus.USER_ID,
        }

    async def call(self, operation_id: str, body: Any = None, *, at: int = -1, **query: object) -> Answer:
        """Call an operation; `at` chooses among its paths, of which the first is made up and the last is real."""
        operation = OPERATIONS[operation_id]
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        status, received = await self.send(
            operation.method, operation.paths[at], {**self.credentials, **operation.query, **query}, content
        )
        assert VALIDATION.answer_errors(operation, status, received) == []
        return Answer(status, received)

    async def send(
        self, method: str, path: str, query: Mapping[str, object], content: bytes | None
    ) -> tuple[int, bytes]:
        """Send a request as it is, and return status and body."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        headers = {} if content is None else {"Content-Type": "application/json"}
        url = self.sandbox.icareus.url + path
        async with self.session.request(method, url, params=params, data=content, headers=headers) as response:
            return response.status, await response.read()

    async def create(self, kind: str = "video_swap", **fields: Any) -> int:
        """Create a campaign and return its id; fields that are None are left out."""
        body = {**CAMPAIGNS[kind], **fields}
        sent = {name: value for name, value in body.items() if value is not None}
        return int((await self.call(f"campaigns_create_{kind}", sent)).done["campaignId"])

    async def schedule(self, campaign: int, **fields: Any) -> int:
        """Attach a schedule to a campaign and return its id."""
        body = {"name": "Any", "startDate": "2019-11-25T12:00", "duration": "08:00", **fields}
        return int((await self.call("schedules_create", body, campaignId=campaign)).done["scheduleId"])

    async def active(self, **query: Any) -> list[int]:
        """The ids of the active campaigns."""
        answer = await self.call("campaigns_list_active", **query)
        assert answer.status == 200
        return [campaign["campaignId"] for campaign in answer.json["campaigns"]]


def _documented(operation_id: str) -> dict[str, Any]:
    examples = SPECIFICATION.at(OPERATIONS[operation_id].body_pointer.removesuffix("/schema"))["examples"]
    return dict(examples["documented"]["value"])


CAMPAIGNS = {
    kind: _documented(f"campaigns_create_{kind}")
    for kind in ("video_swap", "active_ad", "switch_in", "in_stream_video", "in_video_overlay")
}
"""The documented samples."""
