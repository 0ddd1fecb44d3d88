from __future__ import annotations

from tests.sandbox.freewheel.caller import Answer, Caller


async def propose(caller: Caller, xml: str = "") -> Answer:
    body = f"<insertion_order><name>Winter</name><campaign_id>501</campaign_id>{xml}</insertion_order>"
    return await caller.send("POST", "/v3/proposed_insertion_orders.xml", body)


async def move(caller: Caller, order: str | None, step: str) -> Answer:
    body = f"<workflow_step><workflow_step_type>{step}</workflow_step_type></workflow_step>"
    return await caller.send("PUT", f"/v3/insertion_orders/{order}/proposal_status.xml", body)


async def test_a_proposal_has_attributes_of_its_own(caller: Caller) -> None:
    answer = await propose(caller, "<rfp_budget>20000.00</rfp_budget><rate_card_id>77</rate_card_id>")
    assert (answer.status, answer.text("stage")) == (201, "PROPOSAL")
    assert (answer.text("rfp_budget"), answer.text("rate_card_id")) == ("20000.00", "77")
    assert answer.text("workflow_step/workflow_step_type") == "PROPOSAL"
    assert answer.text("total_billable_event_goal") is None
    found = await caller.send("GET", "/campaign/501/insertion_orders", query={"workflow_step_type": "PROPOSAL"})
    assert found.texts("insertion_order/stage") == ["PROPOSAL"]


async def test_variants_of_which_one_is_primary(caller: Caller) -> None:
    answer = await propose(caller)
    order = answer.text("id")
    variants = (await caller.send("GET", f"/v3/insertion_orders/{order}/variants.xml")).texts("variant/id")
    assert len(variants) == 2
    assert answer.text("primary_variant_id") == variants[0]
    place = f"/v3/proposed_insertion_orders/{order}.xml"
    body = "<insertion_order><primary_variant_id>{}</primary_variant_id></insertion_order>"
    assert (await caller.send("PUT", place, body.format(variants[1]))).text("primary_variant_id") == variants[1]
    assert (await caller.send("PUT", place, body.format(7))).status == 422
    await caller.send("DELETE", f"/insertion_order/{order}")
    assert caller.sandbox.freewheel.state()["objects"]["variant"] == 0
    normal = await caller.create()
    assert (await caller.send("GET", f"/v3/insertion_orders/{normal}/variants.xml")).names == []


async def test_a_deal_is_lost_and_won(caller: Caller) -> None:
    order = (await propose(caller)).text("id")
    assert (await caller.send("PUT", f"/insertion_order/{order}/book")).status == 422
    lost = await move(caller, order, "LOST_DEAL")
    assert (lost.text("stage"), lost.text("workflow_step/workflow_step_type")) == ("PROPOSAL", "LOST_DEAL")
    assert (await move(caller, order, "PROPOSAL")).text("workflow_step/workflow_step_type") == "PROPOSAL"
    assert (await move(caller, order, "NORMAL")).text("stage") == "NOT_BOOKED"
    assert (await move(caller, order, "LOST_DEAL")).status == 422
    assert (await caller.send("PUT", f"/insertion_order/{order}/book")).text("stage") == "BOOKED"


async def test_only_a_proposal_is_changed_as_one(caller: Caller) -> None:
    order = await caller.create()
    body = "<insertion_order><rfp_budget>1</rfp_budget></insertion_order>"
    assert (await caller.send("PUT", f"/v3/proposed_insertion_orders/{order}.xml", body)).status == 422
    assert (await move(caller, str(order), "LOST_DEAL")).status == 422
    assert (await move(caller, str(order), "WON")).status == 422
    assert (await move(caller, "7", "LOST_DEAL")).status == 404
