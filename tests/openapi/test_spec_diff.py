"""`make spec-diff` on small repositories: run as a command, the way contributors and CI run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "openapi" / "codegen" / "spec_diff.py"
REDOCLY = ROOT / "node_modules" / ".bin" / "redocly"

SPECIFICATION = """\
    openapi: 3.1.0
    info: {title: Example, version: '1'}
    paths:
      /things/{id}:
        get:
          operationId: things_get
          x-adflight: {source: "000 L1-2", repeat: read, envelope: v2, paging: {page: pageNo, max_size: 100, items: ''}}
          parameters:
            - {name: id, in: path, required: true, schema: {type: integer}}
            - {name: pageNo, in: query, schema: {type: integer, enum: [1, 2]}}
          responses:
            '200':
              description: A thing.
              content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
        post:
          operationId: things_update
          x-adflight: {source: "000 L3-4", repeat: absolute, envelope: v2}
          parameters:
            - {name: id, in: path, required: true, schema: {type: integer}}
          requestBody:
            content: {application/json: {schema: {$ref: '#/components/schemas/ThingRequest'}}}
          responses:
            '200': {description: Done.}
      /others:
        get:
          operationId: others_list
          x-adflight: {source: "000 L5", repeat: read, envelope: v2}
          responses:
            '200': {description: Others.}
    components:
      schemas:
        Thing:
          type: object
          properties:
            name: {type: string, xml: {name: Name}}
            start: {type: integer, x-adflight-unit: seconds}
            autosum: {type: boolean, x-adflight-alias: [autoSum]}
        ThingRequest:
          type: object
          properties:
            name: {type: string}
            budget: {type: number, maximum: 10}
"""

CLIENT_TEXT = """\
    from __future__ import annotations

    from typing import TYPE_CHECKING

    from adflight.errors import Failure as Failure
    from adflight_api.models import Thing

    if TYPE_CHECKING:
        from adflight.launches import Launch

    __all__ = ["Client", "Failure", "LIMIT", "Launch", "Thing", "connect"]

    LIMIT = 20


    class Client:
        url: str

        def __init__(self, url: str, *, timeout: float = 30.0) -> None:
            self.timeout = timeout

        async def get(self, id: int, workspace: int | None = None, *, raw: bool = False) -> None: ...

        @property
        def account(self) -> str: ...

        @staticmethod
        def version() -> str: ...

        def _private(self) -> None: ...

        async def __aenter__(self) -> Client: ...


    def connect(url: str, /, *urls: str, **options: str) -> Client: ...
"""

MODELS_TEXT = """\
    from typing import ClassVar

    from attrs import define, field

    from .base import Model


    @define(kw_only=True)
    class Thing(Model):
        id: int
        name: str = ""
        tags: list[str] = field(factory=list)
        computed: int = field(init=False)
        _wire: ClassVar = ()


    @define
    class Point:
        x: int
        y: int = 0
"""

CLIENT = "src/adflight/__init__.py"
ERRORS = "src/adflight/errors.py"
MODELS = "generated/adflight_api/models.py"
FILES = {
    "openapi/example.yaml": SPECIFICATION,
    "openapi/redocly.yaml": "extends: [recommended-strict]\n",
    CLIENT: CLIENT_TEXT,
    ERRORS: "class Failure(Exception):\n    status = 0\n",
    "src/adflight/launches.py": "class Launch:\n    def wait(self, timeout: float) -> None: ...\n",
    "src/adflight/core/session.py": "class Session:\n    def call(self, request: str) -> None: ...\n",
    "generated/adflight_api/__init__.py": "",
    "generated/adflight_api/base.py": "class Model:\n    def to_dict(self) -> dict[str, str]: ...\n",
    MODELS: MODELS_TEXT,
    "generated/adflight_api/_hidden.py": "def secret() -> None: ...\n",
}


class Found(NamedTuple):
    code: int
    lines: list[str]
    error: str


class Repository:
    """A git repository with one commit of `FILES`, and a working tree to change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            self.write(name, text)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "First")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")

    def change(self, name: str, *replacements: tuple[str, str]) -> None:
        text = dedent(FILES[name])
        for old, new in replacements:
            assert text.count(old) == 1, f"{old!r} is not in {name} exactly once"
            text = text.replace(old, new)
        self.write(name, text)

    def diff(self, revision: str = "HEAD", *, redocly: Path = REDOCLY, folder: str = ".") -> Found:
        command = [sys.executable, str(COMMAND), revision, "--redocly", str(redocly)]
        done = subprocess.run(command, cwd=self.root / folder, capture_output=True, text=True)
        return Found(done.returncode, done.stdout.splitlines(), done.stderr)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


needs_redocly = pytest.mark.skipif(not REDOCLY.exists(), reason="redocly comes with `make spec-check`, where npm is")


def test_nothing_breaks_when_nothing_changed(repository: Repository) -> None:
    assert repository.diff() == Found(0, ["no breaking changes since HEAD"], "")


def test_an_unknown_revision_is_named(repository: Repository) -> None:
    found = repository.diff("v9.9")
    assert found.code == 2
    assert found.error == "not compared: 'v9.9' is no revision of this repository\n"


def test_it_runs_from_any_folder_of_the_repository(repository: Repository) -> None:
    repository.change(CLIENT, ("LIMIT = 20", ""), ('"LIMIT", ', ""))
    found = repository.diff(folder="openapi")
    assert found == Found(1, ["python: adflight.LIMIT was removed", "1 breaking change since HEAD"], "")


def test_source_that_cannot_be_read_is_not_taken_for_unchanged(repository: Repository) -> None:
    repository.write(CLIENT, "def broken(:\n")
    found = repository.diff()
    assert found.code == 2
    assert "__init__.py, line 1" in found.error


# the Python surface


@pytest.mark.parametrize(
    ("name", "old", "new", "sentences"),
    [
        # what may be imported
        (CLIENT, ', "connect"]', "]", ["adflight.connect was removed"]),
        (ERRORS, "class Failure", "class Other", ["adflight.Failure is of another kind"]),
        (ERRORS, "(Exception)", "", ["adflight.Failure no longer derives from Exception"]),
        (MODELS, "class Point:", "class _Point:", ["adflight_api.models.Point was removed"]),
        ("src/adflight/core/session.py", "def call", "def send", []),
        ("generated/adflight_api/_hidden.py", "def secret", "def other", []),
        # members
        (CLIENT, "async def get", "async def fetch", ["adflight.Client.get was removed"]),
        (CLIENT, "async def get", "def get", ["adflight.Client.get is no longer a coroutine function"]),
        (CLIENT, "def version", "async def version", ["adflight.Client.version became a coroutine function"]),
        (CLIENT, "    @property\n", "", ["adflight.Client.account is of another kind"]),
        (CLIENT, "self.timeout = timeout", "pass", ["adflight.Client.timeout was removed"]),
        (CLIENT, "    url: str\n", "", ["adflight.Client.url was removed"]),
        (CLIENT, "def __aenter__", "def _enter", ["adflight.Client.__aenter__ was removed"]),
        (CLIENT, "def _private", "def _other", []),
        (
            "generated/adflight_api/base.py",
            "def to_dict",
            "def as_dict",
            ["adflight.Thing.to_dict was removed", "adflight_api.base.Model.to_dict was removed"],
        ),
        # parameters
        (CLIENT, ", *, timeout: float = 30.0", "", ["adflight.Client: parameter timeout was removed"]),
        (CLIENT, "float = 30.0", "float", ["adflight.Client: parameter timeout became required"]),
        (CLIENT, "raw: bool", "new: str = '', raw: bool", []),
        (CLIENT, "raw: bool", "new: str, raw: bool", ["adflight.Client.get: required parameter new was added"]),
        (CLIENT, "id: int, ", "id: int, /, ", ["adflight.Client.get: parameter id can no longer be given by name"]),
        (
            CLIENT,
            "workspace: int | None = None, *",
            "*, workspace: int | None = None",
            ["adflight.Client.get: parameter workspace can no longer be given by position"],
        ),
        (
            CLIENT,
            "id: int, workspace: int | None = None",
            "workspace: int | None = None, id: int = 0",
            ["adflight.Client.get: parameter id moved", "adflight.Client.get: parameter workspace moved"],
        ),
        (CLIENT, "**options: str", "", ["adflight.connect: parameter **options was removed"]),
        (CLIENT, "*urls: str, ", "", ["adflight.connect: parameter *urls was removed"]),
        (
            "src/adflight/launches.py",
            "timeout: float",
            "timeout: float, pace: float",
            ["adflight.Launch.wait: required parameter pace was added"],
        ),
        # constructors
        (
            "src/adflight/launches.py",
            "class Launch:",
            "class Launch:\n    def __init__(self, id: int) -> None: ...\n",
            ["adflight.Launch: required parameter id was added"],
        ),
        (
            MODELS,
            '    name: str = ""\n',
            "",
            ["adflight.Thing.name was removed", "adflight.Thing: parameter name was removed"],
        ),
        (MODELS, "    id: int\n", "    id: int\n    new: int\n", ["adflight.Thing: required parameter new was added"]),
        (MODELS, "    id: int\n", "    id: int\n    new: int = 0\n", []),
        (MODELS, "field(init=False)", "field(default=1)", []),
        (MODELS, "y: int = 0", "y: int", ["adflight_api.models.Point: parameter y became required"]),
        (
            MODELS,
            "@define\n",
            "@define(kw_only=True)\n",
            [
                "adflight_api.models.Point: parameter x can no longer be given by position",
                "adflight_api.models.Point: parameter y can no longer be given by position",
            ],
        ),
    ],
)
def test_a_change_of_the_python_surface(
    repository: Repository, name: str, old: str, new: str, sentences: list[str]
) -> None:
    repository.change(name, (old, new))
    found = repository.diff()
    assert sorted(found.lines[:-1]) == sorted(f"python: {sentence}" for sentence in sentences)
    assert found.code == bool(sentences)


def test_a_definition_may_move_as_long_as_its_name_stays(repository: Repository) -> None:
    repository.write("src/adflight/flights.py", FILES["src/adflight/launches.py"])
    (repository.root / "src/adflight/launches.py").unlink()
    repository.change(CLIENT, ("from adflight.launches import", "from .flights import"))
    assert repository.diff().code == 0


def test_of_a_removed_module_only_the_module_is_named(repository: Repository) -> None:
    (repository.root / "generated/adflight_api/base.py").unlink()
    lines = repository.diff().lines
    assert "python: adflight_api.base was removed" in lines
    assert not any("adflight_api.base.Model" in line for line in lines)


# the specifications


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ("repeat: absolute", "repeat: relative", ['repeat changed from "absolute" to "relative". [POST /things/{id}]']),
        (
            "repeat: absolute",
            "repeat: {field: mode, values: {set: absolute}}",
            ['repeat changed from "absolute" to {"field": "mode", "values": {"set": "absolute"}}. [POST /things/{id}]'],
        ),
        ("items: ''", "items: /rows", ['paging items changed from "" to "/rows". [GET /things/{id}]']),
        ("max_size: 100", "max_size: 50", []),
        ("000 L3-4", "000 L3-9", []),
        (
            "x-adflight-unit: seconds",
            "x-adflight-unit: milliseconds",
            ['x-adflight-unit changed from "seconds" to "milliseconds". [Thing start]'],
        ),
        (
            ", x-adflight-unit: seconds",
            "",
            ['x-adflight-unit changed from "seconds" to null. [Thing start]'],
        ),
        ("[autoSum]", "[autoSum, autosumOn]", []),
        (
            "[autoSum]",
            "[autosumOn]",
            ['x-adflight-alias changed from ["autoSum"] to ["autosumOn"]. [Thing autosum]'],
        ),
        (
            "xml: {name: Name}",
            "xml: {name: NAME}",
            ['xml changed from {"name": "Name"} to {"name": "NAME"}. [Thing name]'],
        ),
        ("  /others:", "  /elsewhere:", ["Path `/others` was removed. [/others]"]),
        ("operationId: others_list", "operationId: others_all", None),
        ("enum: [1, 2]", "enum: [1]", None),
        ("{name: pageNo, in: query,", "{name: pageNo, in: query, required: true,", None),
        ("maximum: 10", "maximum: 5", None),
        ("budget: {type: number", "budget: {type: string", None),
        (
            "        budget: {type: number, maximum: 10}\n",
            "",
            ["A request field was removed. [POST /things/{id} requestBody budget]"],
        ),
        ("        start: {type: integer, x-adflight-unit: seconds}\n", "", None),
        ("name: {type: string}", "name: {type: string}\n        label: {type: string}", []),
        ("title: Example", "title: Another", []),
    ],
)
@needs_redocly
def test_a_change_of_a_specification(repository: Repository, old: str, new: str, sentences: list[str] | None) -> None:
    """Where the words are redocly's own, that it objects is enough."""
    repository.change("openapi/example.yaml", (old, new))
    found = repository.diff()
    if sentences is None:
        assert len(found.lines) == 2
    else:
        assert found.lines[:-1] == [f"example.yaml: {sentence}" for sentence in sentences]
    assert found.code == (sentences != [])


@needs_redocly
def test_parameters_may_change_places(repository: Repository) -> None:
    lines = dedent(SPECIFICATION).splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if "name: pageNo" in line)
    first, second = lines[place - 1 : place + 1]
    repository.change("openapi/example.yaml", (first + second, second + first))
    assert repository.diff().code == 0


@needs_redocly
def test_a_specification_that_cannot_be_read_is_not_taken_for_unchanged(repository: Repository) -> None:
    repository.write("openapi/example.yaml", "openapi: [")
    found = repository.diff()
    assert found.code == 2
    assert found.error.startswith("not compared: example.yaml: Error")


def test_a_removed_specification_breaks(repository: Repository) -> None:
    (repository.root / "openapi/example.yaml").unlink()
    found = repository.diff()
    assert found.lines == ["example.yaml: The specification was removed.", "1 breaking change since HEAD"]
    assert found.code == 1


def test_without_redocly_a_changed_specification_is_not_taken_for_unbroken(repository: Repository) -> None:
    repository.change("openapi/example.yaml", ("title: Example", "title: Another"))
    repository.change(CLIENT, ("async def get", "async def fetch"))
    found = repository.diff(redocly=repository.root / "nowhere")
    assert found.code == 2
    assert found.lines == ["python: adflight.Client.get was removed"]
    assert "redocly is not installed" in found.error
