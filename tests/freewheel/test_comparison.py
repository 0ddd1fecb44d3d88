from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from adflight import InvalidInput
from adflight.freewheel.comparison import Comparison, as_read
from adflight.types.freewheel import (
    AdditionalContact,
    CurrencyTargetBudget,
    Delivery,
    FrequencyCap,
    ImpressionTargetBudget,
    InsertionOrder,
    ScheduleSettings,
    UserAssignment,
    UserRoleAssignment,
)
from adflight_api.freewheel.api.insertion_orders import insertion_orders_create, insertion_orders_get
from adflight_api.freewheel.xml_elements import CODEC

EQUAL: Comparison = Comparison((), ())


def live(inside: str = "") -> InsertionOrder:
    text = f"<insertion_order><id>7</id><name>Spring</name><stage>BOOKED</stage>{inside}</insertion_order>"
    return insertion_orders_get.parse(CODEC.decode("InsertionOrder", text.encode()))


def compared(inside: str, **fields: Any) -> Comparison:
    request = insertion_orders_create.request(**{"name": "Spring", "campaign_id": 1, **fields})
    return Comparison.of(fields, as_read(request), live(inside))


def cap(value: int, period: str | int = "DAY", type_: str = "IMPRESSION") -> FrequencyCap:
    return FrequencyCap(value=value, type_=type_, period=period)


def cap_xml(value: int, period: str = "DAY") -> str:
    return f"<frequency_cap><value>{value}</value><type>IMPRESSION</type><period>{period}</period></frequency_cap>"


def budget_xml(currency: str, over: str = "1") -> str:
    parts = f"<currency>{currency}</currency><over_delivery_value>{over}</over_delivery_value>"
    return f"<budget><budget_model>CURRENCY_TARGET</budget_model>{parts}</budget>"


def schedule_xml(start: str, end: str = "", zone: str = "UTC") -> str:
    parts = f"<start_time>{start}</start_time><end_time>{end}</end_time><time_zone>{zone}</time_zone>"
    return f"<schedule>{parts}</schedule>"


START = datetime(2026, 9, 1, tzinfo=UTC)
USER_1 = "<assigned_user><user_id>1</user_id><user_full_name>Ada</user_full_name></assigned_user>"
USER_2 = (
    "<assigned_user><user_id>2</user_id>"
    "<primary_user_role><role_id>12</role_id><role_name>Trafficker</role_name></primary_user_role></assigned_user>"
)
CONTACT = AdditionalContact(contact_type="Billing", name="Grace", phone="1", email="grace@example.com")
CONTACT_XML = (
    "<additional_contacts><additional_contact><contact_type>Billing</contact_type><name>Grace</name><phone>1</phone>"
    "<email>grace@example.com</email><primary>false</primary></additional_contact></additional_contacts>"
)


@pytest.mark.parametrize(
    ("inside", "fields"),
    [
        ("", {"name": "Spring"}),
        ("<brand_id>8</brand_id>", {"brand_id": 8}),
        # nothing is nothing
        ("<description/>", {"description": ""}),
        ("", {"description": ""}),
        # by value
        (budget_xml("12500.50"), {"budget": CurrencyTargetBudget(currency=12500.5)}),
        (budget_xml("12500.50"), {"budget": CurrencyTargetBudget(currency=Decimal("12500.5"))}),
        (budget_xml("12500"), {"budget": CurrencyTargetBudget(currency=12500, over_delivery_value=1.0)}),
        # as moments
        (
            schedule_xml("2026-09-01T00:00:00Z"),
            {"schedule": ScheduleSettings(start_time=START.astimezone(timezone(timedelta(hours=2))), time_zone="UTC")},
        ),
        (
            schedule_xml("2026-09-01T02:00:00+02:00"),
            {"schedule": ScheduleSettings(start_time="2026-09-01T00:00Z", time_zone="UTC")},
        ),
        # as they are
        (
            schedule_xml("2026-09-01T00:00"),
            {"schedule": ScheduleSettings(start_time="2026-09-01T00:00", time_zone="UTC")},
        ),
        # only what is given
        (
            schedule_xml("2026-09-01T00:00", "2026-12-31T23:59"),
            {"schedule": ScheduleSettings(start_time="2026-09-01T00:00", time_zone="UTC")},
        ),
        # names that only the service knows
        (
            f"<assignments>{USER_1}{USER_2}</assignments>",
            {
                "assignments": [
                    UserAssignment(user_id=2, primary_user_role=UserRoleAssignment(role_id=12)),
                    UserAssignment(user_id=1),
                ]
            },
        ),
        (f"<assignments>{USER_1}</assignments>", {"assignments": (UserAssignment(user_id=1),)}),
        (CONTACT_XML, {"additional_contacts": [CONTACT]}),
        # in any order; a number of minutes is a number, as a text too
        (
            f"<delivery>{cap_xml(3)}{cap_xml(10, '1440')}</delivery>",
            {"delivery": Delivery(frequency_cap=[cap(10, 1440), cap(3)])},
        ),
        (f"<delivery>{cap_xml(10, '1440')}</delivery>", {"delivery": Delivery(frequency_cap=[cap(10, "1440")])}),
        # what the specification does not know
        (
            "<delivery><pacing>even</pacing><frequency_cap/></delivery>",
            {"delivery": Delivery(frequency_cap=[], additional_properties={"pacing": "even"})},
        ),
    ],
)
def test_what_is_equal(inside: str, fields: dict[str, Any]) -> None:
    assert compared(inside, **fields) == EQUAL


@pytest.mark.parametrize(
    ("inside", "fields"),
    [
        ("", {"name": "spring"}),
        ("<description>Old</description>", {"description": ""}),
        ("<description/>", {"description": "New"}),
        ("<brand_id>8</brand_id>", {"brand_id": 9}),
        (budget_xml("12500.50"), {"budget": CurrencyTargetBudget(currency=12500.51)}),
        (budget_xml("12500.50"), {"budget": CurrencyTargetBudget(currency=12500.5, over_delivery_value=2)}),
        (budget_xml("12500"), {"budget": ImpressionTargetBudget(impression=12500)}),
        ("<budget/>", {"budget": ImpressionTargetBudget(impression=12500)}),
        (
            schedule_xml("2026-09-01T00:00:01Z"),
            {"schedule": ScheduleSettings(start_time=START, time_zone="UTC")},
        ),
        # whose wall clock it is, nobody knows
        (schedule_xml("2026-09-01T00:00"), {"schedule": ScheduleSettings(start_time=START, time_zone="UTC")}),
        (
            schedule_xml("2026-09-01T00:00"),
            {"schedule": ScheduleSettings(start_time="2026-09-01T00:00:00", time_zone="UTC")},
        ),
        (
            schedule_xml("2026-09-01T00:00", zone="(GMT+01:00) CET"),
            {"schedule": ScheduleSettings(start_time="2026-09-01T00:00", time_zone="UTC")},
        ),
        (
            schedule_xml("2026-09-01T00:00"),
            {"schedule": ScheduleSettings(start_time="2026-09-01T00:00", end_time="2026-12-31T23:59", time_zone="UTC")},
        ),
        (f"<assignments>{USER_1}{USER_2}</assignments>", {"assignments": [UserAssignment(user_id=1)]}),
        (f"<assignments>{USER_1}</assignments>", {"assignments": [UserAssignment(user_id=1)] * 2}),
        (
            f"<assignments>{USER_1}</assignments>",
            {"assignments": [UserAssignment(user_id=1, primary_user_role=UserRoleAssignment(role_id=12))]},
        ),
        (f"<delivery>{cap_xml(3)}</delivery>", {"delivery": Delivery(frequency_cap=[cap(3, "WEEK")])}),
        (f"<delivery>{cap_xml(3)}</delivery>", {"delivery": Delivery(frequency_cap=[cap(3, type_="PACKAGE")])}),
        (
            "<delivery><pacing>even</pacing></delivery>",
            {"delivery": Delivery(frequency_cap=[], additional_properties={"pacing": "fast"})},
        ),
    ],
)
def test_what_differs(inside: str, fields: dict[str, Any]) -> None:
    (name,) = fields
    assert compared(inside, **fields) == Comparison((name,), ())


def test_what_is_not_shown_is_told_apart() -> None:
    fields = {"description": "New", "additional_contacts": [CONTACT], "client_po": "1"}
    assert compared("<client_po>2</client_po>", **fields) == Comparison(
        ("client_po",), ("description", "additional_contacts")
    )


def test_what_cannot_be_written_cannot_be_compared() -> None:
    for fields in ({"campaign_id": "a"}, {"description": "\x00"}):
        with pytest.raises(InvalidInput):
            compared("", **fields)
