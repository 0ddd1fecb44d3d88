"""The sandbox's own XML: values to documents and back, by the annotations of the schemas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.sandbox.specification import Specification
from adflight.sandbox.xml import Codec, Malformed, escape
from tests.sandbox.small_vendors import ORDERS

CODEC = Codec(Specification(ORDERS))
ORDER, LIST, NEW = "/components/schemas/Order", "/components/schemas/Orders", "/components/schemas/NewOrder"

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def decode(text: str, pointer: str = ORDER) -> Any:
    return CODEC.decode(pointer, text.encode())


def encode(value: Any, pointer: str = ORDER) -> str:
    text = CODEC.encode(pointer, value).decode()
    assert text.startswith(HEAD)
    return text.removeprefix(HEAD)


def of(schema: Any) -> Codec:
    return Codec(Specification({"paths": {}, "schema": schema, "components": ORDERS["components"]}))


FULL = {
    "id": 7,
    "name": "A & <B>",
    "brand": None,
    "amount": Decimal("0.10"),
    "share": 0.5,
    "urgent": True,
    "period": 30,
    "contact": {"id": 1, "full_name": "Ada"},
    "contacts": [{"id": 2, "full_name": "Bob"}],
    "tag": ["one"],
}
WRITTEN = (
    "<order><id>7</id><name>A &amp; &lt;B&gt;</name><brand/><amount>0.10</amount><share>0.5</share>"
    '<urgent>true</urgent><period>30</period><contact id="1"><name>Ada</name></contact>'
    '<contacts><person id="2"><name>Bob</name></person></contacts><tag>one</tag></order>'
)


def test_every_kind_of_value_is_written_as_the_annotations_say() -> None:
    assert encode(FULL) == WRITTEN
    assert decode(WRITTEN) == FULL
    assert str(decode(WRITTEN)["amount"]) == "0.10"


def test_layout_between_elements_means_nothing() -> None:
    spaced = WRITTEN.replace("><", ">\n  <")
    assert decode(spaced) == FULL


def test_the_root_carries_attributes() -> None:
    page = {"total_entries": 1, "order": [{"id": 1, "name": "A"}]}
    text = '<orders total_entries="1"><order><id>1</id><name>A</name></order></orders>'
    assert encode(page, LIST) == text
    assert decode(text, LIST) == page
    assert encode({"total_entries": 0, "order": []}, LIST) == '<orders total_entries="0"/>'
    assert encode({"total_entries": None}, LIST) == "<orders/>"


def test_what_is_empty_is_null_and_what_is_absent_is_absent() -> None:
    assert decode("<order><name/><contact/><contacts/><tag/></order>") == {
        "name": None,
        "contact": None,
        "contacts": None,
        "tag": None,
    }
    assert decode("<order/>") == {}
    assert encode({"name": "", "contacts": [], "tag": []}) == "<order><name/></order>"
    assert encode({"contacts": None, "tag": None}) == "<order><contacts/><tag/></order>"


def test_lists_of_several_and_of_nothing() -> None:
    assert decode("<order><tag>a</tag><name>x</name><tag/></order>") == {"tag": ["a", None], "name": "x"}
    assert encode({"tag": ["a", "b"]}) == "<order><tag>a</tag><tag>b</tag></order>"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<id>+07</id>", {"id": 7}),
        ("<id>7.0</id>", {"id": "7.0"}),
        ("<id>99999999999999999999</id>", {"id": "99999999999999999999"}),
        ("<amount>1e3</amount>", {"amount": "1e3"}),
        ("<share>1e3</share>", {"share": 1000.0}),
        ("<share>NaN</share>", {"share": "NaN"}),
        ("<share>1e999</share>", {"share": "1e999"}),
        ("<urgent>false</urgent>", {"urgent": False}),
        ("<urgent>yes</urgent>", {"urgent": "yes"}),
        ("<period>30DAYS</period>", {"period": "30DAYS"}),
        ("<period>004</period>", {"period": "004"}),
        ("<name> 5 </name>", {"name": " 5 "}),
        ("<contact>nobody</contact>", {"contact": "nobody"}),
        ("<contacts><ghost/></contacts>", {"contacts": [{"ghost": None}]}),
        ("<name>a</name><name>b</name>", {"name": ["a", "b"]}),
        ('<contact id="x" role="r"/>', {"contact": {"id": "x", "role": "r"}}),
        ('<contact id="1">Ada</contact>', {"contact": {"id": 1, "#text": "Ada"}}),
        ('<extra a="1"><b>2</b><b>3</b></extra>', {"extra": {"a": "1", "b": ["2", "3"]}}),
    ],
)
def test_what_does_not_fit_is_kept(text: str, value: Any) -> None:
    assert decode(f"<order>{text}</order>") == value


def test_what_is_unknown_is_written_untyped() -> None:
    assert encode({"extra": [{"a": 1, "#text": "t"}, None], "b": True}) == (
        "<order><extra>t<a>1</a></extra><extra/><b>true</b></order>"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"<order>",
        b"<order></orders>",
        b"<order>&unknown;</order>",
        b"<!DOCTYPE order><order/>",
        b'<!DOCTYPE o [<!ENTITY a "b">]><order>&a;</order>',
        b"<other/>",
        b'<?xml version="1.0" encoding="none"?><order/>',
        b"<order>" * 65 + b"</order>" * 65,
        b"<order>\xff</order>",
        b"<order>\x00</order>",
    ],
)
def test_what_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(ORDER, content)


def test_alternatives_have_a_root_each_and_their_properties_together() -> None:
    codec = of({"oneOf": [{"$ref": "#/components/schemas/Contact"}, {"$ref": "#/components/schemas/Orders"}]})
    assert codec.decode("/schema", b'<person id="1"><order><id>2</id></order></person>') == {
        "id": 1,
        "order": [{"id": 2}],
    }
    assert codec.decode("/schema", b'<orders total_entries="1"/>') == {"total_entries": 1}
    with pytest.raises(Malformed, match="person or orders"):
        codec.decode("/schema", b"<order/>")


def test_a_schema_without_a_name_takes_any_root() -> None:
    codec = of({"properties": {"kind": {"enum": [1, None, "a"]}, "fixed": {"const": 2}}})
    assert codec.decode("/schema", b"<x><kind>1</kind><fixed>2</fixed></x>") == {"kind": 1, "fixed": 2}
    assert codec.encode("/schema", {"kind": 1}).endswith(b"<root><kind>1</kind></root>")
    assert of({}).decode("/schema", b"<x/>") is None


def test_texts_survive_what_xml_can_carry() -> None:
    text = "\t\"quoted\" 'é' \U0001f338 \r\n ]]> "
    assert decode(encode({"name": text}))["name"] == text
    assert decode(encode({"contact": {"role": "r"}, "name": "x"}))["contact"] == {"role": "r"}
    assert encode({"name": "a\x00b\ud800"}) == "<order><name>a\ufffdb\ufffd</name></order>"
    assert escape("\x0b") == "\ufffd"


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)
CONTACTS = st.fixed_dictionaries({"id": st.integers(0, 10**9)}, optional={"full_name": st.none() | TEXTS})


@given(
    st.fixed_dictionaries(
        {"name": TEXTS},
        optional={
            "brand": st.none() | st.integers(-(10**9), 10**9),
            "amount": st.decimals(0, 10**9, places=4),
            "share": st.floats(-1e9, 1e9),
            "urgent": st.booleans(),
            "contact": st.none() | CONTACTS,
            "contacts": st.none() | st.lists(CONTACTS, min_size=1),
            "tag": st.lists(TEXTS, min_size=1),
        },
    )
)
def test_what_was_written_is_read_again(value: dict[str, Any]) -> None:
    assert CODEC.decode(NEW, CODEC.encode(NEW, value)) == value
