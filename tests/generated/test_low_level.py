"""Generated operations with nothing but a plain httpx client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from adflight_api.icareus.api.campaigns import campaigns_list_active
from adflight_api.iqm import models
from adflight_api.iqm.api.auth import auth_login, auth_refresh
from adflight_api.iqm.api.bid_models import bid_models_remove_priority
from adflight_api.iqm.api.campaigns import campaigns_get, campaigns_list_data, campaigns_update_budget
from adflight_api.iqm.api.insertion_orders import insertion_orders_create
from adflight_api.iqm.api.master import master_list_timezones
from adflight_api.runtime import UNSET, Request

BASE = "https://api.example.com"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=BASE, headers={"Authorization": "Bearer token"}) as client:
        yield client


async def send(client: httpx.AsyncClient, request: Request, **options: Any) -> Any:
    response = await client.request(
        request.operation.method, request.url, headers=request.headers, content=request.content, **options
    )
    response.raise_for_status()
    return request.operation.unwrap(response.json())


async def test_a_campaign_is_read(client: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        method="GET",
        url=f"{BASE}/api/v2/cmp/campaign/537599?isSpentRequired=true",
        match_headers={"Authorization": "Bearer token", "Accept": "application/json"},
        json={"statusCode": 200, "responseObject": {"id": 537599, "startTime": 1801123200, "status": "Novelty"}},
    )

    campaign = campaigns_get.parse(await send(client, campaigns_get.request(537599, is_spent_required=True)))

    assert campaign.id == 537599
    assert campaign.start_time == datetime(2027, 1, 28, 8, tzinfo=UTC)
    assert campaign.status == "Novelty"
    assert campaign.to_dict() == {"id": 537599, "startTime": 1801123200, "status": "Novelty"}


async def test_an_insertion_order_is_created(client: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        method="POST",
        url=f"{BASE}/api/v3/cmp/io/add",
        match_headers={"Content-Type": "application/json"},
        match_json={
            "ioName": "Spring",
            "ioStartTime": 1801123200000,
            "ioBudgetTypeId": 1,
            "ioTotalBudget": 49.9,
        },
        json={"success": True, "data": {"ioId": 15844, "ioName": "Spring"}},
    )

    request = insertion_orders_create.request(
        io_name="Spring",
        io_start_time=datetime(2027, 1, 28, 8, tzinfo=UTC),
        io_budget_type_id=models.BudgetType.BUDGET,
        io_total_budget=Decimal("49.90"),
    )
    order = insertion_orders_create.parse(await send(client, request))

    assert order.io_id == 15844
    assert "io_end_time" not in repr(order)


async def test_the_login_goes_as_json_and_the_refresh_as_a_form(
    client: httpx.AsyncClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(
        method="POST",
        url=f"{BASE}/api/v3/ua/login",
        match_headers={"Authorization": "Basic Y2xpZW50OnNlY3JldA=="},
        match_json={"grantType": "password", "email": "ada@example.com", "password": "hush"},
        json={
            "success": True,
            "data": {"access_token": "a", "refresh_token": "r&", "expires_in": 35999, "owId": 200001},
        },
    )
    httpx_mock.add_response(
        method="POST",
        url=f"{BASE}/api/v3/ua/oauth/token",
        match_headers={"Content-Type": "application/x-www-form-urlencoded"},
        match_content=b"grant_type=refresh_token&refresh_token=r%26",
        json={"access_token": "b", "refresh_token": "s", "expires_in": 35999},
    )
    basic = httpx.BasicAuth("client", "secret")

    login = auth_login.request(email="ada@example.com", password="hush")
    token = auth_login.parse(await send(client, login, auth=basic))
    refresh = auth_refresh.request(refresh_token=token.refresh_token)
    renewed = auth_refresh.parse(await send(client, refresh, auth=basic))

    assert (token.access_token, token.ow_id) == ("a", 200001)
    assert (renewed.access_token, renewed.ow_id) == ("b", UNSET)


async def test_plus_signs_and_commas_arrive_as_meant(client: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"responseObject": {"data": [{"id": 5}], "filteredRecords": 1}})
    request = campaigns_list_data.request(sort_by="+id", status=["running", "paused"], search="A+B & C", page_no=1)

    page = campaigns_list_data.parse(await send(client, request))
    (sent,) = httpx_mock.get_requests()

    assert b"sortBy=%2Bid" in sent.url.query
    assert dict(sent.url.params) == {
        "searchField": "A+B & C",
        "pageNo": "1",
        "sortBy": "+id",
        "status": "running,paused",
    }
    assert campaigns_list_data.PAGING.rows(page) == page.data == [models.CampaignDataRow.from_dict({"id": 5})]
    assert page.filtered_records == 1


async def test_the_live_path_is_called_unless_the_documented_one_is_asked_for(
    client: httpx.AsyncClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(json={"responseObject": {"status": True, "reason": [], "data": "Saved."}}, is_reusable=True)
    request = campaigns_update_budget.request(campaign_ids=[1, 2], total_budget=100)

    live = campaigns_update_budget.parse(await send(client, request))
    await client.request(request.operation.method, request.documented_url, content=request.content)

    assert live.status is True
    assert [sent.url.path for sent in httpx_mock.get_requests()] == [
        "/api/v2/cmp/campaigns/update-budget",
        "/api/v2/cmp/campaigns/update_budget",
    ]
    assert {sent.method for sent in httpx_mock.get_requests()} == {"PUT"}


async def test_a_delete_names_its_targets_in_the_query(client: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        method="DELETE",
        url=f"{BASE}/api/v3/bm/io/15844/bid-models?campaignIds=1%2C2",
        json={"success": True, "data": {"message": "Removed."}},
    )

    answer = await send(client, bid_models_remove_priority.request(15844, campaign_ids=(1, 2)))

    assert bid_models_remove_priority.parse(answer) == models.Message(message="Removed.")


async def test_an_answer_without_its_documented_form_is_kept(client: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"success": True, "data": "none today"})

    answer: object = master_list_timezones.parse(await send(client, master_list_timezones.request()))

    assert answer == "none today"


async def test_refusals_are_the_clients_own_affair(client: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=429, json={"message": "Too many requests"})

    with pytest.raises(httpx.HTTPStatusError):
        await send(client, campaigns_get.request(5))


@pytest.mark.parametrize("module", [master_list_timezones, campaigns_list_active])
def test_a_list_without_a_body_has_none_when_it_is_read_page_by_page(module: Any) -> None:
    assert module.request().paged(module.PAGING, {}).content is None
