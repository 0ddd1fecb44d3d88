from __future__ import annotations

from adflight.sandbox.places import places
from adflight.sandbox.specification import Specification


def test_what_is_spelt_out_is_tried_first() -> None:
    paths = ["/a/{id}", "/{x}/b", "/a/{id}.xml", "/a/b", "/a"]
    document = {
        "paths": {
            path: {"get": {"operationId": f"get_{index}", "responses": {}}, "summary": "", "parameters": []}
            for index, path in enumerate(paths)
        }
    }
    found = places(Specification(document).operations)
    assert [place.template for place in found] == ["/a", "/a/b", "/a/{id}.xml", "/a/{id}", "/{x}/b"]


def test_a_path_that_is_both_documented_and_live_is_one_place() -> None:
    mark = {"live_path": "/a", "wire_path": "/b"}
    document = {"paths": {"/a": {"get": {"operationId": "get_a", "x-adflight": mark, "responses": {}}}}}
    found = places(Specification(document).operations)
    assert [(place.template, len(place.operations)) for place in found] == [("/a", 1), ("/b", 1)]


def test_the_query_tells_which_operations_a_request_may_be_for() -> None:
    def posted(name: str, action: str, *needed: str) -> dict[str, object]:
        parameters = [{"name": parameter, "in": "query", "required": True, "schema": {}} for parameter in needed]
        mark = {"wire_path": "/a", "query": {"action": action}}
        return {"post": {"operationId": name, "x-adflight": mark, "parameters": parameters, "responses": {}}}

    document = {
        "paths": {
            "/a/1": posted("create", "one"),
            "/a/2": posted("update", "one", "id"),
            "/a/3": posted("other", "two"),
        }
    }
    (place,) = [place for place in places(Specification(document).operations) if place.template == "/a"]
    for query, expected in (
        ({"action": "one"}, ["create"]),
        ({"action": "one", "id": "7"}, ["update"]),
        ({"action": "two", "id": "7"}, ["other"]),
        ({}, ["create", "other"]),
    ):
        assert [operation.id for operation in place.candidates(query)] == expected
