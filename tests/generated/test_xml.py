from __future__ import annotations

import contextlib
import gc
import pickle
import re
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight_api import xml
from adflight_api.freewheel.xml_elements import CODEC as FREEWHEEL
from adflight_api.runtime import InvalidInput
from tests.xml_values import normal, normal_untyped, tables, typed, values

Codec, Element, Field, XmlError = xml.Codec, xml.Element, xml.Field, xml.XmlError
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
TABLE = {
    "Page": Element(
        "orders", (Field("page", "page", "integer", attribute=True), Field("order", "order", "Order", many=True))
    ),
    "Order": Element(
        "order",
        (
            Field("code", "code", "string", attribute=True),
            Field("id", "id", "integer"),
            Field("name", "name", "string"),
            Field("active", "active", "boolean"),
            Field("cost", "cost", "decimal"),
            Field("share", "share", "number"),
            Field("period", "period", ("integer", "string")),
            Field("budget", "budget", "Budget"),
            Field("tag", "tag", "string", many=True),
            Field("users", "user", "User", many=True, wrapper="users"),
            Field("extra", "extra", "any"),
        ),
    ),
    "Budget": Element("Budget", (Field("model", "model", "string"),)),
    "User": Element("user", (Field("id", "id", "integer"), Field("deputies", "user", "User", many=True))),
}
CODEC = Codec(TABLE)


def order(content: str | bytes, attributes: str = "") -> Any:
    """What an order with this content reads as."""
    text = content if isinstance(content, str) else content.decode()
    return CODEC.decode("Order", f"<order{attributes}>{text}</order>".encode())


def written(**fields: Any) -> str:
    """What an order with these fields is written as, without what all have."""
    document = CODEC.encode("Order", fields)
    assert isinstance(document, bytes)
    return document.removeprefix(HEAD).decode().removeprefix("<order>").removesuffix("</order>")


def refusal(content: bytes, **limits: Any) -> str:
    with pytest.raises(XmlError) as caught:
        CODEC.decode("Order", content, **limits)
    if b"<wrong>" not in content:
        with pytest.raises(XmlError, match=re.escape(str(caught.value))):
            xml.decode_untyped(content, **limits)
    return str(caught.value)


# There and back


@given(st.data())
def test_what_was_written_is_read(data: st.DataObject) -> None:
    table = data.draw(tables())
    codec = Codec(table)
    value = data.draw(values(table, "A"))

    back = codec.decode("A", codec.encode("A", value))

    assert typed(back) == typed(normal(table, "A", value))
    # what was read is written and read as the same, too
    assert codec.decode("A", codec.encode("A", back)) == back


@given(values(TABLE, "Page"))
def test_every_document_is_read_without_the_table(value: Any) -> None:
    ((root, _),) = xml.decode_untyped(CODEC.encode("Page", value)).items()
    assert root == "orders"


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text("x ", max_size=3) | st.none(), min_size=1))
def test_untyped_documents(value: dict[str, Any]) -> None:
    document = Codec({"A": Element("root", ())}).encode("A", value)

    assert xml.decode_untyped(document) == {"root": normal_untyped(value)}


@given(st.binary() | st.text().map(lambda text: f"<order>{text}</order>".encode("utf-8", "surrogatepass")))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    for read in (CODEC.decoder("Order", max_size=100), xml.decode_untyped):
        try:
            read(content)
        except XmlError as error:
            assert str(error)


@given(st.sampled_from(["cp1252", "utf-7", "unicode_escape", "hex", "idna", "utf-8\\", "'", "UTF8", "punycode"]))
def test_declared_encodings_run_no_codec(encoding: str) -> None:
    with pytest.raises(XmlError):
        CODEC.decode("Order", f'<?xml version="1.0" encoding="{encoding}"?><order>\\x</order>'.encode())


# Reading


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<id>5</id>", {"id": 5}),
        ("<id> 5\n</id>", {"id": 5}),
        ("<id>-5</id>", {"id": -5}),
        ("<id>5.0</id>", {"id": "5.0"}),
        ("<id>1_000</id>", {"id": "1_000"}),
        ("<id>\u0665</id>", {"id": "\u0665"}),
        ("<id>\u00b2</id>", {"id": "\u00b2"}),
        (f"<id>{'9' * 5000}</id>", {"id": "9" * 5000}),
        ("<active>true</active>", {"active": True}),
        ("<active>FALSE</active>", {"active": False}),
        ("<active>1</active>", {"active": True}),
        ("<active>yes</active>", {"active": "yes"}),
        ("<cost>1.10</cost>", {"cost": Decimal("1.10")}),
        ("<cost>NaN</cost>", {"cost": "NaN"}),
        ("<cost>1e99999999999999999999</cost>", {"cost": "1e99999999999999999999"}),
        ("<share>0.5</share>", {"share": 0.5}),
        ("<share>5</share>", {"share": 5}),
        ("<share>.5e1</share>", {"share": 5.0}),
        ("<share>INF</share>", {"share": "INF"}),
        ("<share>1e999</share>", {"share": "1e999"}),
        ("<period>30</period>", {"period": 30}),
        ("<period>30DAYS</period>", {"period": "30DAYS"}),
        ("<period>  </period>", {"period": "  "}),
        ("<name>007</name>", {"name": "007"}),
    ],
)
def test_kinds(content: str, expected: dict[str, Any]) -> None:
    assert typed(order(content)) == typed(expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        (" \n ", {}),
        ("<id/><name></name><budget /><users/><tag/>", dict.fromkeys(("id", "name", "budget", "users", "tag"))),
        ("<id>\n</id><cost> </cost><extra>\t</extra>", dict.fromkeys(("id", "cost", "extra"))),
        ("<name> </name>", {"name": " "}),
        ("<budget>\n</budget><users>\n</users>", {"budget": None, "users": None}),
        ("<budget><model/></budget>", {"budget": {"model": None}}),
    ],
)
def test_what_is_empty_is_null(content: str, expected: dict[str, Any]) -> None:
    assert order(content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<tag>a</tag>", {"tag": ["a"]}),
        ("<tag>a</tag><id>1</id><tag>b</tag>", {"tag": ["a", "b"], "id": 1}),
        ("<tag/><tag>b</tag><tag/>", {"tag": [None, "b", None]}),
        ("<users><user><id>1</id></user></users>", {"users": [{"id": 1}]}),
        ("<users><user/></users>", {"users": [None]}),
        ("<users><user><id>1</id></user></users><users><user/></users>", {"users": [{"id": 1}, None]}),
        ("<users/><users><user/></users>", {"users": [None]}),
        ("<users><user><user><id>2</id></user></user></users>", {"users": [{"deputies": [{"id": 2}]}]}),
        ('<users type="array"><user/></users>', {"users": [None], "users/type": "array"}),
        ("<users><user/><note>n</note></users>", {"users": [None], "users/note": "n"}),
        ("<users>none</users>", {"users": "none"}),
        ("<users>none</users><users><user/></users><users>one</users>", {"users": ["none", None, "one"]}),
    ],
)
def test_lists(content: str, expected: dict[str, Any]) -> None:
    assert order(content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<new>1</new>", {"new": "1"}),
        ("<new>1</new><new/><new><a>2</a></new>", {"new": ["1", None, {"a": "2"}]}),
        ('<new unit="ms">1</new>', {"new": {"unit": "ms", "#text": "1"}}),
        ("<new>some <b>bold</b> text</new>", {"new": {"b": "bold", "#text": "some  text"}}),
        ("<new><a>1</a><a>2</a></new>", {"new": {"a": ["1", "2"]}}),
        ('<new a="1"><a>2</a></new>', {"new": {"a": ["1", "2"]}}),
        ('<budget kind="x"><left>5</left></budget>', {"budget": {"kind": "x", "left": "5"}}),
        # where the table has something else than what comes
        ("<budget>100</budget>", {"budget": "100"}),
        ("<id>1<sub>2</sub></id>", {"id": {"sub": "2", "#text": "1"}}),
        ("<id>1</id><id>2</id>", {"id": [1, 2]}),
        ('<id type="integer">5</id><name lang="en"/>', {"id": 5, "name": None}),
        # an element must not change what an attribute is, nor the other way round
        ("<code>c</code>", {"/code": "c"}),
        ("text<id>1</id>", {"id": 1, "#text": "text"}),
        ("text", {"#text": "text"}),
    ],
)
def test_what_the_table_does_not_know_is_kept(content: str, expected: dict[str, Any]) -> None:
    assert order(content) == expected


def test_attributes() -> None:
    assert order("", ' code="a&#10;b" id="7" more=""') == {"code": "a\nb", "/id": "7", "more": None}
    assert CODEC.decode("Page", b'<orders page="2"><order/><order code=""/></orders>') == {
        "page": 2,
        "order": [None, {"code": None}],
    }


def test_prefixes_and_namespaces_say_nothing() -> None:
    content = (
        b'<v:order xmlns:v="urn:v" xmlns="urn:w" v:code="c" xmlns:xsi="urn:x">'
        b'<v:id>1</v:id><w:new>n</w:new><budget xsi:nil="true"/></v:order>'
    )
    assert CODEC.decode("Order", content) == {"code": "c", "id": 1, "new": "n", "budget": None}
    assert xml.decode_untyped(content)["order"]["new"] == "n"


def test_texts() -> None:
    assert order("<name>a<![CDATA[<b> & ]]>c</name>") == {"name": "a<b> & c"}
    assert order("<name>&lt;&gt;&amp;&quot;&apos;&#233;&#x20AC;&#13;</name>") == {"name": "<>&\"'é€\r"}
    assert order("<name>a<!-- no -->b<?no more?>c</name>") == {"name": "abc"}
    assert order("<name>a\r\nb</name>") == {"name": "a\nb"}
    long = "é" * 100_000
    assert order(f"<name>{long}</name><new><b/>{long}</new>") == {"name": long, "new": {"b": None, "#text": long}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    declared = "UTF-16" if "16" in encoding else "UTF-8"
    for declaration in ("", f'<?xml version="1.0" encoding="{declared}"?>\n'):
        # UTF-16 without a mark at its beginning is only recognised by the declaration
        if declaration or encoding not in ("utf-16-le", "utf-16-be"):
            content = f"{declaration}<order><name>é€𝄞</name></order>".encode(encoding)
            assert CODEC.decode("Order", content) == {"name": "é€𝄞"}
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?><order><name>é</name></order>'.encode("latin-1")
    assert CODEC.decode("Order", latin) == {"name": "é"}


# What is refused

INVALID = "the document is no well-formed XML: not well-formed (invalid token)"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the body is empty, where XML was expected"),
        (b" \r\n", "the body is empty, where XML was expected"),
        (b'{"Message": "secret"}', "the body is no XML: it starts like JSON"),
        (b'\xef\xbb\xbf\n[{"message": "secret"}]', "the body is no XML: it starts like JSON"),
        ('{"Message": "secret"}'.encode("utf-16"), "the body is no XML: it starts like JSON"),
        (b"<!DOCTYPE html><html>secret</html>", "the body is no XML: it starts like HTML"),
        (b"\n<HTML lang=en>secret", "the body is no XML: it starts like HTML"),
        (b"upstream secret", "the body is no XML: it starts like a plain text"),
        (b"<wrong><id>5</id></wrong>", "the root of the document is <wrong>, where <order> was expected"),
        (b"<order><id>5</i", "the document is no well-formed XML: it is cut off (line 1, column 13)"),
        (b"<order><id>5</id>", "the document is no well-formed XML: it is cut off (line 1, column 18)"),
        (b"<order><![CDATA[secret", "the document is no well-formed XML: it is cut off (line 1, column 23)"),
        (b"<order>\n<id>5</name></order>", "the document is no well-formed XML: mismatched tag (line 2, column 8)"),
        (b"<order/><order/>", "the document is no well-formed XML: junk after document element (line 1, column 9)"),
        (b"<order>\x00</order>", f"{INVALID} (line 1, column 8)"),
        (b"<order>\xff</order>", f"{INVALID} (line 1, column 8)"),
        (b"<order>\x0b</order>", f"{INVALID} (line 1, column 8)"),
        (b"<order>&secret;</order>", "the document is no well-formed XML: undefined entity (line 1, column 8)"),
        (b"\x00\x00\x00", f"{INVALID} (line 1, column 1)"),
    ],
)
def test_what_is_no_such_document(content: bytes, expected: str) -> None:
    assert refusal(content) == expected


LAUGHS = "".join(f'<!ENTITY l{index} "{f"&l{index - 1};" * 10}">' for index in range(1, 10))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE order>",
        f'<!DOCTYPE order [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<!DOCTYPE order SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE order [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]>',
        '<!DOCTYPE order PUBLIC "-//X" "x.dtd" [<!ATTLIST order code CDATA "c">]>',
    ],
)
def test_document_types(declaration: str, encoding: str) -> None:
    declared = "UTF-16" if "16" in encoding else "UTF-8"
    document = f'<?xml version="1.0" encoding="{declared}"?>{declaration}<order><name>&l9;</name></order>'

    assert refusal(document.encode(encoding)) == "the document has a DOCTYPE, which is never read"


def test_depth() -> None:
    def nested(depth: int) -> bytes:
        return b"<order>" + b"<new>" * (depth - 1) + b"5" + b"</new>" * (depth - 1) + b"</order>"

    value: Any = CODEC.decode("Order", nested(64))
    for _ in range(63):
        value = value["new"]
    assert value == "5"
    for depth in (65, 66, 1_000_000):
        assert refusal(nested(depth)) == "the document has elements more than 64 deep"
    assert refusal(nested(64).replace(b"5", b"<a/>")) == "the document has elements more than 64 deep"


def test_size() -> None:
    content = b"<order/>"

    assert CODEC.decode("Order", content, max_size=8) == {}
    assert refusal(content, max_size=7) == "the document has 8 bytes, and no more than 7 are read"


def test_nothing_waits_for_the_collector() -> None:
    documents = [b"<order><new><a>1</a></new></order>", b"<order><new>", b"<!DOCTYPE a><order/>", b"<wrong/>"]
    gc.collect()
    gc.disable()
    try:
        for content in documents:
            with contextlib.suppress(XmlError):
                CODEC.decode("Order", content)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_texts_between_many_elements_are_read_in_one_go() -> None:
    # minutes, if each one were joined to all before it
    count = 200_000
    value = order("<new>" + "xy<b/>" * count + "</new>")

    assert value["new"]["#text"] == "xy" * count


# Writing


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": 5, "name": "a"}, "<id>5</id><name>a</name>"),
        ({"name": "a", "id": 5}, "<id>5</id><name>a</name>"),
        ({"name": None, "active": True, "id": None}, "<id/><name/><active>true</active>"),
        ({"cost": Decimal("1E+3")}, "<cost>1000</cost>"),
        ({"cost": Decimal("0.10")}, "<cost>0.10</cost>"),
        ({"cost": 1e-7}, "<cost>0.0000001</cost>"),
        ({"cost": 7}, "<cost>7</cost>"),
        ({"share": 1e-7}, "<share>1e-07</share>"),
        ({"share": Decimal("1E-7")}, "<share>0.0000001</share>"),
        ({"name": Colour.RED, "id": Level.HIGH}, "<id>3</id><name>red</name>"),
        ({"tag": ["a", None, ""]}, "<tag>a</tag><tag/><tag/>"),
        ({"tag": []}, "<order/>"),
        ({"tag": None}, "<tag/>"),
        ({"users": [{"id": 1}, {}]}, "<users><user><id>1</id></user><user/></users>"),
        ({"users": []}, "<order/>"),
        ({"users": None}, "<users/>"),
        ({"name": "a&b<c>d]]>e\r\n\t\"'"}, "<name>a&amp;b&lt;c&gt;d]]&gt;e&#13;\n\t\"'</name>"),
        ({"extra": {"a": [1, True, None], "b": {"c": 1.5}}}, "<extra><a>1</a><a>true</a><a/><b><c>1.5</c></b></extra>"),
        ({"new": ["x", {"#text": "y", "z": 1}], "id": 1}, "<id>1</id><new>x</new><new>y<z>1</z></new>"),
        ({"budget": {"model": "M", "left": Decimal(5)}}, "<budget><model>M</model><left>5</left></budget>"),
    ],
)
def test_writing(fields: dict[str, Any], expected: str) -> None:
    assert written(**fields) == expected


def test_attributes_are_written() -> None:
    document = CODEC.encode("Order", {"code": 'a"<&>\t\n\r'})

    assert document == HEAD + b'<order code="a&quot;&lt;&amp;&gt;&#9;&#10;&#13;"/>'
    assert CODEC.decode("Order", document) == {"code": 'a"<&>\t\n\r'}
    assert CODEC.encode("Order", {"code": None}) == HEAD + b'<order code=""/>'


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"name": 5}, "name", "a text"),
        ({"name": {"a": 1}}, "name", "a text"),
        ({"#text": 5}, "order", "a text"),
        ({"id": True}, "id", "an integer"),
        ({"id": "5"}, "id", "an integer"),
        ({"id": 5.0}, "id", "an integer"),
        ({"id": 10**5000}, "id", "an integer"),
        ({"active": 1}, "active", "True or False"),
        ({"cost": float("nan")}, "cost", "a finite number"),
        ({"cost": Decimal("sNaN")}, "cost", "a finite number"),
        ({"cost": Decimal("1E+999999")}, "cost", "a finite number"),
        ({"share": float("-inf")}, "share", "a finite number"),
        ({"share": True}, "share", "a finite number"),
        ({"period": 1.5}, "period", "an integer or a text"),
        ({"budget": "100"}, "budget", "an object"),
        ({"budget": {"model": 5}}, "budget.model", "a text"),
        ({"users": {"id": 1}}, "users", "a list"),
        ({"tag": "abc"}, "tag", "a list"),
        ({"users": [{"id": 1}, {"deputies": [{"id": "x"}]}]}, "users[1].deputies[0].id", "an integer"),
        ({"extra": [[1]]}, "extra[0]", "no list inside a list"),
        ({"extra": {"a": object}}, "extra.a", "a text, a finite number, True, False or None"),
        ({"new": float("nan")}, "new", "a text, a finite number, True, False or None"),
        ({"not a name": 1}, "not a name", "a key that can be the name of an element"),
        ({"budget": {"a:b": 1}}, "budget.a:b", "a key that can be the name of an element"),
    ],
)
def test_wrong_values_are_named(fields: dict[str, Any], field: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CODEC.encode("Order", fields)

    assert (caught.value.field, caught.value.expected) == (field, expected)


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ud800", "\udfff", "\ufffe", "\uffff"])
@pytest.mark.parametrize("field", ["name", "code", "new"])
def test_characters_that_xml_cannot_carry(character: str, field: str) -> None:
    with pytest.raises(InvalidInput, match="no control characters, no lone surrogates") as caught:
        CODEC.encode("Order", {field: f"a{character}"})

    assert caught.value.field == field
    assert character not in str(caught.value)


def test_what_is_too_deep_is_not_written() -> None:
    value: Any = "x"
    for _ in range(63):
        value = {"a": value}
    assert CODEC.decode("Order", CODEC.encode("Order", value)) == value
    user: dict[str, Any] = {"id": 1}
    for _ in range(100):
        user = {"deputies": [user]}
    for wrong in ({"a": value}, {"users": [user]}):
        with pytest.raises(InvalidInput, match="at most 64 elements"):
            CODEC.encode("Order", wrong)


# As parts of operations


def test_coders_can_be_pickled_and_compared() -> None:
    decode, encode = CODEC.decoder("Order", max_size=70), CODEC.encoder("Order")

    again = pickle.loads(pickle.dumps((decode, encode, CODEC)))

    assert again == (decode, encode, CODEC)
    assert hash(again) == hash((decode, encode, CODEC))
    assert again[0](again[1]({"id": 1})) == {"id": 1}
    with pytest.raises(XmlError, match="no more than 70"):
        again[0](b" " * 71)
    assert repr(CODEC) == "<Codec of 4 elements>"
    assert object() != CODEC


# A vendor's own table


# a union of two is only ever inside another, where it is tried, too
@pytest.mark.parametrize("name", [name for name, element in FREEWHEEL.elements.items() if " " not in element.name])
@given(data=st.data())
def test_every_element_of_freewheel_comes_back(name: str, data: st.DataObject) -> None:
    value = data.draw(values(FREEWHEEL.elements, name))

    read = FREEWHEEL.decode(name, FREEWHEEL.encode(name, value))

    assert typed(read) == typed(normal(FREEWHEEL.elements, name, value))
