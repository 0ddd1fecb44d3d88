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
