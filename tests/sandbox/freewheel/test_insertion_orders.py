from __future__ import annotations

import pytest

from tests.sandbox.freewheel.caller import Caller, currency, impressions


async def test_a_name_and_a_campaign_are_enough(caller: Caller) -> None:
    body = "<insertion_order><name>Caf\u00e9 &amp; more</name><campaign_id>501</campaign_id></insertion_order>"
    answer = await caller.send("POST", "/insertion_order", body)
    assert answer.status == 201
    assert answer.root.tag == "insertion_order"
    assert answer.names == [
        *("id", "campaign_id", "name", "description", "client_po", "brand_id", "external_id", "primary_sales_person"),
        *("primary_trafficker", "stage", "schedule", "currency", "budget"),
    ]
    assert answer.text("name") == "Caf\u00e9 & more"
    assert (answer.text("stage"), answer.text("currency")) == ("NOT_BOOKED", "USD")
    assert answer.text("budget/budget_model") == "EVERGREEN"
    assert answer.text("brand_id") is None
    assert answer.text("schedule") is None
    order = int(answer.text("id") or 0)
    assert (await caller.get(order)).content == answer.content


async def test_the_caller_is_assigned(caller: Caller) -> None:
    order = await caller.create()
    assert (await caller.get(order)).root.find("assignments") is None
    answer = await caller.get(order, show="all")
    assert answer.texts("assignments/assigned_user/user_id") == [str(caller.sandbox.freewheel.USER_ID)]
    assert answer.texts("assignments/assigned_user/user_full_name") == ["Ada Example"]
    assert answer.text("workflow_step/workflow_step_type") == "NORMAL"


async def test_both_forms_of_creating_do_the_same(caller: Caller) -> None:
    body = "<insertion_order><name>Spring</name></insertion_order>"
    answer = await caller.send("POST", "/campaign/502/insertion_order", body)
    assert (answer.status, answer.text("campaign_id")) == (201, "502")
    assert (await caller.send("POST", "/insertion_order", body)).status == 422
    assert (await caller.send("POST", "/campaign/100000/insertion_order", body)).status == 404
    body = "<insertion_order><name>Spring</name><campaign_id>100000</campaign_id></insertion_order>"
    assert (await caller.send("POST", "/insertion_order", body)).status == 422


async def test_documented_and_live_paths_lead_to_the_same(caller: Caller) -> None:
    body = "<insertion_order><name>Spring</name><campaign_id>501</campaign_id></insertion_order>"
    answer = await caller.send("POST", "/v3/insertion_orders.xml", body)
    assert answer.status == 201
    order = answer.text("id")
    assert (await caller.send("GET", f"/v3/insertion_orders/{order}.xml")).content == answer.content
    change = "<insertion_order><name>Summer</name></insertion_order>"
    assert (await caller.send("PUT", f"/v3/insertion_orders/{order}.xml", change)).text("name") == "Summer"
    assert (await caller.send("GET", f"/insertion_orders/{order}")).text("name") == "Summer"
    assert (await caller.send("DELETE", f"/v3/insertion_orders/{order}.xml")).status == 200
    assert (await caller.send("GET", f"/insertion_orders/{order}")).status == 404


async def test_everything_that_can_be_created(caller: Caller) -> None:
    order = await caller.create(
        xml=f"""
        <description>Two lines
of text</description>
        <client_po>PO-1</client_po><external_id>000917</external_id><brand_id>8801</brand_id>
        <primary_sales_person>Ada</primary_sales_person><primary_trafficker>Bob</primary_trafficker>
        <currency>EUR</currency>
        <schedule>
          <start_time>2026-09-01T00:00</start_time><time_zone>(GMT+01:00) CET</time_zone>
        </schedule>
        {currency("12500.50", "<over_delivery_value>1.5</over_delivery_value>")}
        <delivery>
          <frequency_cap><value>3</value><type>IMPRESSION</type><period>30DAYS</period></frequency_cap>
          <frequency_cap><value>9</value><type>PACKAGE</type><period>1440</period></frequency_cap>
        </delivery>
        <assignments>
          <assigned_user>
            <user_id>4712</user_id><user_full_name>ignored</user_full_name>
            <primary_user_role><role_id>12</role_id><role_name>ignored</role_name></primary_user_role>
          </assigned_user>
        </assignments>
        <additional_contacts>
          <additional_contact>
            <contact_type>Billing</contact_type><name>Grace</name><phone>1</phone><email>grace@example.com</email>
          </additional_contact>
        </additional_contacts>
        <something_else>ignored</something_else>"""
    )
    answer = await caller.get(order, show="all")
    assert answer.text("description") == "Two lines\nof text"
    assert answer.text("external_id") == "000917"
    assert answer.text("budget/currency") == "12500.50"
    assert answer.text("budget/over_delivery_value") == "1.5"
    assert answer.texts("delivery/frequency_cap/period") == ["30DAYS", "1440"]
    assert answer.text("assignments/assigned_user/user_full_name") == "Bob Example"
    assert answer.text("assignments/assigned_user/primary_user_role/role_name") == "Trafficker"
    assert answer.text("additional_contacts/additional_contact/primary") == "false"
    assert (answer.text("cost/gross_cost"), answer.text("cost/net_cost")) == ("12500.50", "10000.40")
    assert answer.root.find("something_else") is None
    (row,) = (await caller.send("GET", "/insertion_orders")).root
    assert row.findtext("schedule/start_date") == "2026-08-31T23:00:00Z"
    assert row.findtext("schedule/timezone") == "(GMT+01:00) CET"


@pytest.mark.parametrize(
    ("xml", "field"),
    [
        ("<name> </name>", "name"),
        ("<id>7</id>", "id"),
        ("<insertion_order_id>7</insertion_order_id>", "insertion_order_id"),
        ("<stage>BOOKED</stage>", "stage"),
        ("<currency>CHF</currency>", "currency"),
        ("<rfp_budget>1</rfp_budget>", "rfp_budget"),
        (impressions("1.5"), "impression"),
        (impressions("1", "<currency>1</currency>"), "currency"),
        (currency("1", "<impression>1</impression>"), "impression"),
        (currency("1000000000000000"), "currency"),
        (currency("0.123456789"), "currency"),
        ("<budget><budget_model>EVERGREEN</budget_model></budget>", "budget"),
        ("<budget><budget_model>CURRENCY_TARGET</budget_model></budget>", "budget"),
        ("<assignments><assigned_user><user_id>1</user_id></assigned_user></assignments>", "user_id"),
        (
            "<assignments><assigned_user><user_id>4711</user_id><primary_user_role><role_id>1</role_id>"
            "</primary_user_role></assigned_user></assignments>",
            "role_id",
        ),
        ("<schedule><start_time>tomorrow</start_time><time_zone>UTC</time_zone></schedule>", "start_time"),
        ("<schedule><start_time>2026-09-01T00:00</start_time></schedule>", "time_zone"),
        (
            "<schedule><start_time>2026-09-01T00:00</start_time><end_time>2026-08-01T00:00</end_time>"
            "<time_zone>UTC</time_zone></schedule>",
            "end_time",
        ),
        (
            "<delivery>"
            + 4 * "<frequency_cap><value>3</value><type>IMPRESSION</type><period>DAY</period></frequency_cap>"
            + "</delivery>",
            "frequency_cap",
        ),
        (
            "<additional_contacts>"
            + 2
            * (
                "<additional_contact><contact_type>a</contact_type><name>b</name><phone>c</phone><email>d</email>"
                "<primary>true</primary></additional_contact>"
            )
            + "</additional_contacts>",
            "primary",
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused_in_xml(caller: Caller, xml: str, field: str) -> None:
    name = "" if "<name> " in xml else "<name>Spring</name>"
    body = f"<insertion_order>{name}<campaign_id>501</campaign_id>{xml}</insertion_order>"
    answer = await caller.send("POST", "/insertion_order", body)
    assert answer.status == 422, answer.content
    assert field in answer.content.decode()
    assert len(list((await caller.send("GET", "/insertion_orders")).root)) == 0


async def test_an_update_changes_what_it_carries(caller: Caller) -> None:
    order = await caller.create(xml=f"<external_id>17</external_id>{impressions('1000')}")
    assert (await caller.get(order, show="all")).text("cost/gross_cost") == "10.00"
    caller.sandbox.advance(60)
    sales_person = "<primary_sales_person>Bob Example</primary_sales_person>"
    changes = f"<insertion_order>{sales_person}{currency('10.10')}</insertion_order>"
    answer = await caller.send("PUT", f"/insertion_order/{order}", changes)
    assert answer.status == 200
    assert answer.text("primary_sales_person") == "Bob Example"
    assert (answer.text("external_id"), answer.text("budget/currency")) == ("17", "10.10")
    assert answer.root.find("budget/impression") is None
    (row,) = (await caller.send("GET", "/insertion_orders")).root
    assert row.findtext("updated_at") != row.findtext("created_at")


@pytest.mark.parametrize("name", ["campaign_id", "currency", "primary_trafficker"])
async def test_what_is_for_creating_only_cannot_be_changed(caller: Caller, name: str) -> None:
    order = await caller.create()
    body = f"<insertion_order><name>New</name><{name}>1</{name}></insertion_order>"
    assert (await caller.send("PUT", f"/insertion_order/{order}", body)).status == 422
    assert (await caller.get(order)).text("name") == "Spring"


async def test_lists_are_paged_and_poor(caller: Caller) -> None:
    numbers = [await caller.create(f"Flight {number}", xml="<external_id>1</external_id>") for number in range(12)]
    answer = await caller.send("GET", "/insertion_orders")
    assert answer.root.attrib == {"current_page": "1", "per_page": "10", "total_pages": "2", "total_entries": "12"}
    assert answer.texts("insertion_order/id") == [str(number) for number in numbers[:10]]
    assert {child.tag for child in answer.root[0]} == {
        *("id", "name", "status", "stage", "advertiser_id", "created_at", "updated_at", "schedule")
    }
    parts = {child.tag: child.text for child in answer.root[0].iterfind("schedule/*")}
    assert parts == {"timezone": None, "start_date": None, "end_date": None}
    second = await caller.send("GET", "/insertion_orders", query={"page": 2, "per_page": 11})
    assert second.texts("insertion_order/id") == [str(numbers[11])]
    beyond = await caller.send("GET", "/insertion_orders", query={"page": 9})
    assert (beyond.texts("insertion_order/id"), beyond.root.get("total_entries")) == ([], "12")
    assert (await caller.send("GET", "/insertion_orders", query={"per_page": 51})).status == 422


async def test_lists_are_filtered(caller: Caller) -> None:
    first, second = await caller.create("One", 501), await caller.create("Two", 502)
    found = await caller.send("GET", "/insertion_orders", query={"advertiser_id": 3002})
    assert found.texts("insertion_order/id") == [str(second)]
    found = await caller.send("GET", "/campaign/501/insertion_orders")
    assert found.texts("insertion_order/id") == [str(first)]
    assert (await caller.send("GET", "/campaign/501/insertion_orders", query={"id": second})).names == []
    found = await caller.send("GET", "/campaign/502/insertion_orders", query={"workflow_step_type": "PROPOSAL"})
    assert found.names == []
    found = await caller.send("GET", "/campaign/502/insertion_orders", query={"workflow_step_type": "NORMAL"})
    assert found.texts("insertion_order/id") == [str(second)]
    assert (await caller.send("GET", "/campaign/100000/insertion_orders")).status == 404


async def test_deleting_takes_the_placements_along(caller: Caller) -> None:
    order, other = await caller.create(), await caller.create("Autumn")
    placements = await caller.send("GET", f"/insertion_order/{order}/placements")
    assert placements.root.get("total_entries") == "2"
    assert placements.texts("placement/name") == ["Spring, pre-roll", "Spring, mid-roll"]
    found = await caller.send("GET", f"/insertion_order/{order}/placements", query={"name": "Spring, p"})
    assert found.texts("placement/name") == ["Spring, pre-roll"]
    found = await caller.send("GET", f"/insertion_order/{order}/placements", query={"status": "ACTIVE"})
    assert found.names == []
    assert (await caller.send("DELETE", f"/insertion_order/{order}")).status == 200
    assert (await caller.send("DELETE", f"/insertion_order/{order}")).status == 404
    assert (await caller.send("GET", f"/insertion_order/{order}/placements")).status == 404
    assert (await caller.send("GET", f"/insertion_order/{other}/placements")).root.get("total_entries") == "2"
    assert caller.sandbox.freewheel.state()["objects"] == {"order": 1, "placement": 2, "variant": 0}


async def test_booking_and_unbooking(caller: Caller) -> None:
    order = await caller.create()
    assert (await caller.send("PUT", f"/insertion_order/{order}/unbook")).status == 422
    assert (await caller.send("PUT", f"/insertion_order/{order}/book")).text("stage") == "BOOKED"
    assert (await caller.send("PUT", f"/insertion_order/{order}/book")).status == 422
    assert (await caller.send("GET", "/insertion_orders")).text("insertion_order/status") == "ACTIVE"
    assert (await caller.send("PUT", f"/insertion_order/{order}/unbook")).text("stage") == "NOT_BOOKED"
    assert (await caller.send("GET", "/insertion_orders")).text("insertion_order/status") == "IN_ACTIVE"


async def test_another_network_sees_nothing_of_it(caller: Caller) -> None:
    order = await caller.create()
    stranger = Caller(caller.sandbox, caller.session)
    await stranger.log_in("bob@example.com", "sandbox-password-2")
    assert (await stranger.get(order)).status == 404
    assert (await stranger.send("GET", "/insertion_orders")).names == []


async def test_a_widget(caller: Caller) -> None:
    order = await caller.create()
    answer = await caller.send("GET", f"/v3/insertion_orders/{order}/widget.xml")
    assert [(child.tag, child.text) for child in answer.root] == [
        ("id", str(order)),
        ("name", "Spring"),
        ("placements", "2"),
    ]
