from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from adflight import InvalidInput
from adflight.flights.entries import Done, Refused
from adflight.flights.iqm_sending import request, told
from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Write
from adflight.flights.values import CLEAR
from adflight_api.iqm.models import BudgetUpdate, EndDateUpdate, InsertionOrder, SavedCampaign
from adflight_api.runtime import Request
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW, START

SECONDS = int(START.timestamp())


def write(operation: str, values: Any, *ids: int | None) -> Write:
    return Write(
        operation=operation,
        kind=ORDER if operation.startswith("insertion") else CAMPAIGN,
        phase=Phase.RAISE,
        targets=tuple(Target(f"key {id_}", 1, id_, None, values) for id_ in ids or (None,)),
        values=values,
        creates=operation.endswith(".create"),
    )


def sent(operation: str, values: Any, *ids: int, parent: int | None = None, budget_type: int | None = None) -> Request:
    built, _ = request(write(operation, values, *ids), ids, parent, budget_type)
    assert built.operation.id == operation
    return built


def test_a_new_insertion_order_says_all_that_decides_about_money() -> None:
    body = sent("insertion_orders.create", ORDER_ROW).body
    assert body == {
        "ioName": "Spring",
        "ioStartTime": SECONDS * 1000,
        "ioEndTime": int(ORDER_ROW["io_end_time"].timestamp()) * 1000,
        "ioTimeZoneId": 29,
        "ioBudgetTypeId": 1,
        "ioBudgetDistributionMethodId": 1,
        "isAutoSumIoTotalBudget": True,
    }
    own = sent("insertion_orders.create", {**ORDER_ROW, "io_total_budget": Decimal(5000), "io_end_time": CLEAR}).body
    assert (own["ioTotalBudget"], own["isAutoSumIoTotalBudget"]) == (5000, False)
    assert "ioEndTime" not in own
    said = {"is_auto_sum_io_total_budget": False, "io_budget_type_id": 2, "io_total_impressions": 1000}
    assert sent("insertion_orders.create", {**ORDER_ROW, **said}).body["isAutoSumIoTotalBudget"] is False


def test_a_new_campaign_says_all_that_decides_about_money() -> None:
    body = sent("campaigns.create", CAMPAIGN_ROW, parent=15001, budget_type=2).body
    assert body == {
        "campaignName": "Banners",
        "startTime": SECONDS,
        "endTime": int(CAMPAIGN_ROW["end_time"].timestamp()),
        "timezone": 29,
        "budgetTotal": Decimal("1000.00"),
        "budgetDay": Decimal("50.00"),
        "maxBid": Decimal("2.50"),
        "creativeType": 11,
        "creativeIds": "676384,676385",
        "advertiserDomain": "https://brand.example.com",
        "countryId": "30100001",
        "isAgreementChecked": True,
        "ioId": 15001,
        "exchanges": "",
        "publisherAdCategory": "",
        "totalBudgetPacing": False,
        "campaignType": 1,
        "budgetTypeId": 2,
    }
    more = {"exchanges": (27, 21), "publisher_ad_category": CLEAR, "campaign_type": 2, "budget_type_id": 1}
    body = sent("campaigns.create", {**CAMPAIGN_ROW, **more}, parent=15001, budget_type=2).body
    assert [body[name] for name in ("exchanges", "publisherAdCategory", "campaignType", "budgetTypeId")] == [
        "27,21",
        "",
        2,
        1,
    ]


def test_what_cannot_be_sent_is_said_before_anything_is() -> None:
    with pytest.raises(InvalidInput, match="start_time"):
        sent("campaigns.create", {**CAMPAIGN_ROW, "start_time": "tomorrow"}, parent=15001, budget_type=1)


def test_single_changes_carry_nulls_in_the_form_that_the_service_shows() -> None:
    changes = {
        "campaign_name": "Other",
        "country_id": 30100002,
        "end_time": CLEAR,
        "budget_day": CLEAR,
        "max_day_clicks": CLEAR,
        "exchanges": CLEAR,
        "inventory_keywords": CLEAR,
        "scheduling": CLEAR,
    }
    change = sent("campaigns.update", changes, 537001)
    assert change.path == "/api/v2/cmp/campaign/537001"
    assert change.repeat == "absolute"
    assert change.body == {
        "campaignName": "Other",
        "countryId": "30100002",
        "endTime": 0,
        "budgetDay": 0,
        "maxDayClicks": 0,
        "exchanges": "",
        "inventoryKeywords": [],
        "scheduling": {},
    }
    order = sent("insertion_orders.update", {"io_end_time": CLEAR, "io_name": "Other"}, 15001)
    assert order.body == {"ioName": "Other", "ioEndTime": None}


def test_pacing_takes_the_budget_a_day_away_without_naming_it() -> None:
    change = sent("campaigns.update", {"total_budget_pacing": True, "budget_day": CLEAR}, 537001)
    assert change.body == {"totalBudgetPacing": True}


@pytest.mark.parametrize(
    ("operation", "values", "body"),
    [
        (
            "campaigns.update_budget",
            {"budget_total": Decimal(5), "budget_day": Decimal(1), "max_bid": Decimal(2), "total_impressions": 9}
            | {"max_day_impressions": 3},
            {"campaignIds": "1,2", "totalBudgetUpdateType": "change", "totalBudget": 5, "dailyBudget": 1, "maxBid": 2}
            | {"totalImpressions": 9, "dailyImpressions": 3},
        ),
        ("campaigns.update_end_date", {"end_time": START}, {"campaignIds": "1,2", "endDate": SECONDS}),
        (
            "insertion_orders.update_end_date",
            {"io_end_time": START, "io_timezone_id": 29},
            {"ioIdsList": [1, 2], "ioEndTime": SECONDS * 1000, "ioTimezoneId": 29},
        ),
        (
            "insertion_orders.update_budget",
            {"io_total_budget": Decimal(5)},
            {"ioIdsList": [1, 2], "budget": 5, "budgetUpdateType": "set"},
        ),
        (
            "insertion_orders.update_budget",
            {"io_total_impressions": 5},
            {"ioIdsList": [1, 2], "ioTotalImpressions": 5, "budgetUpdateType": "set"},
        ),
    ],
)
def test_many_are_set_never_added_to(operation: str, values: Any, body: Any) -> None:
    change = sent(operation, values, 1, 2)
    assert change.body == body
    assert change.repeat == "absolute"


# what answers say


def answered(operation: str, answer: Any, *ids: int, values: Any = None) -> Any:
    return told(write(operation, values or {"budget_total": Decimal("5.00")}, *ids), ids, answer)


def test_row_by_row() -> None:
    answer = BudgetUpdate.from_dict(
        {
            "status": False,
            "reason": [{"errorMessage": "too low", "id": "2", "campaignName": "x"}, {"errorMessage": "?", "id": "4"}],
            "modified_data": [
                {"campaingId": 1, "totalBudget": 5},
                {"campaignId": 4, "totalBudget": 5},
                {"campaignId": 5, "totalBudget": 6},
                {"campaignId": 6, "maxBid": 9},
                {"campaignId": 99},
            ],
        }
    )
    # 3 is in neither list, 4 in both, and what is shown of 5 is not what was sent
    assert answered("campaigns.update_budget", answer, 1, 2, 3, 4, 5, 6) == {
        "key 1": Done(),
        "key 2": Refused("too low"),
        "key 3": None,
        "key 4": None,
        "key 5": None,
        "key 6": Done(),
    }


@pytest.mark.parametrize(
    ("answer", "ids", "said"),
    [
        (EndDateUpdate.from_dict({"status": True}), [1], [Done()]),
        (EndDateUpdate.from_dict({"status": True}), [1, 2], [None, None]),
        (EndDateUpdate.from_dict({"status": False}), [1], [None]),
        (EndDateUpdate.from_dict({}), [1], [None]),
        (EndDateUpdate.from_dict({"status": False, "reason": {"id": 1, "errorMessage": "no"}}), [1], [None]),
        (EndDateUpdate.from_dict({"status": True, "reason": "text"}), [1], [None]),
        (EndDateUpdate.from_dict({"status": True, "reason": ["text", {"id": [1]}]}), [1], [None]),
        (EndDateUpdate.from_dict({"status": True, "modified_data": {"campaignId": 1}}), [1], [None]),
        (EndDateUpdate.from_dict({"status": True, "modified_data": [1, {"campaignId": {}}]}), [1], [None]),
        ("The end date was updated", [1], [None]),
        (None, [1], [None]),
    ],
)
def test_one_word_for_all_is_no_word_for_each(answer: Any, ids: Sequence[int], said: list[Done | None]) -> None:
    found = answered("campaigns.update_end_date", answer, *ids, values={"end_time": START})
    assert list(found.values()) == said


@pytest.mark.parametrize("operation", ["insertion_orders.update_end_date", "insertion_orders.update_budget"])
def test_insertion_orders_have_one_message_for_all(operation: str) -> None:
    assert answered(operation, "done", 1, 2) == {"key 1": None, "key 2": None}
    assert answered(operation, "done", 1) == {"key 1": Done()}


def test_a_saved_campaign_is_the_one_that_was_meant() -> None:
    saved = SavedCampaign.from_dict({"data": 1, "message": "", "status": "pending"})
    assert answered("campaigns.update", saved, 1) == {"key 1": Done()}
    assert answered("campaigns.update", saved, 2) == {"key 2": None}
    assert answered("campaigns.update", None, 1) == {"key 1": None}
    assert answered("insertion_orders.update", "saved", 1) == {"key 1": Done()}


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("insertion_orders.create", InsertionOrder.from_dict({"ioId": 7})),
        ("campaigns.create", SavedCampaign.from_dict({"data": 7, "message": "", "status": "pending"})),
    ],
)
def test_what_was_there_before_was_not_made(operation: str, answer: Any) -> None:
    asked = write(operation, {})
    (done,) = told(asked, [], answer, {6, 8}).values()
    assert isinstance(done, Done)
    assert done.id == 7
    assert [*told(asked, [], answer, {6, 7}).values()] == [None]


def test_what_a_create_has_made_has_an_id() -> None:
    asked = write("campaigns.create", {})
    for data, id_ in ((7, 7), ("7", 7), ("seven", None), (None, None), ([7], None)):
        (done,) = told(asked, [], SavedCampaign.from_dict({"data": data, "message": "", "status": "pending"})).values()
        assert done == (None if id_ is None else Done(id_, {"status": "pending"}))
    assert [*told(asked, [], "saved").values()] == [None]
