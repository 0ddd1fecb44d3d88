"""Lists what breaks users since a git revision: `python openapi/codegen/spec_diff.py REVISION`.

Compared are the specifications, by `redocly diff` and mark by mark, and the public Python surface, generated and
hand-written, of the revision and of the working tree. Exits 0 when nothing breaks, 1 when something does, 2 when a
comparison could not be made.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from public_surface import SOURCES, Surface, breaking

SPECIFICATIONS = "openapi"
REDOCLY = Path(__file__).resolve().parents[2] / "node_modules" / ".bin" / "redocly"

# marks whose change users do not notice
INNOCENT_MARKS = ("source", "outside", "live_path", "wire_path", "quota", "paging max_size", "x-adflight-secret")

# steps of a pointer that tell a reader nothing
SCAFFOLDING = ("paths", "components", "schemas", "content", "application/json", "schema", "properties")


class NotCompared(Exception):
    """A comparison could not be made; says why."""


def main() -> int:
    parser = argparse.ArgumentParser(description="List what breaks users since a git revision.")
    parser.add_argument("revision")
    parser.add_argument("--redocly", type=Path, default=REDOCLY, help="the redocly command")
    arguments = parser.parse_args()

    failures: list[str] = []
    breaks: list[str] = []
    try:
        root = Path(git("rev-parse", "--show-toplevel").decode().strip())
        commit = git("rev-parse", "--verify", "--quiet", f"{arguments.revision}^{{commit}}").decode().strip()
    except NotCompared:
        print(f"not compared: {arguments.revision!r} is no revision of this repository", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder)
        unpack(git("-C", str(root), "archive", "--format=tar", commit), before)
        comparisons = (partial(compare_specifications, redocly=arguments.redocly), compare_python)
        for compare in comparisons:
            try:
                breaks += compare(before, root)
            except NotCompared as error:
                failures.append(str(error))

    for line in breaks:
        print(line)
    for line in failures:
        print(f"not compared: {line}", file=sys.stderr)
    if failures:
        return 2
    print(f"{len(breaks) or 'no'} breaking change{'' if len(breaks) == 1 else 's'} since {arguments.revision}")
    return 1 if breaks else 0


def git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    if done.returncode:
        raise NotCompared(done.stderr.decode(errors="replace").strip())
    return done.stdout


def unpack(archived: bytes, folder: Path) -> None:
    """Lays the sources and specifications of an archived commit into an empty folder."""
    places = (*(f"{name}/" for name in SOURCES), f"{SPECIFICATIONS}/")
    with tarfile.open(fileobj=io.BytesIO(archived)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and member.name.startswith(places):
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def compare_python(before: Path, after: Path) -> list[str]:
    try:
        return [f"python: {sentence}" for sentence in breaking(Surface(before).names(), Surface(after).names())]
    except SyntaxError as error:
        raise NotCompared(f"{error.filename}, line {error.lineno}: {error.msg}") from None


def compare_specifications(before: Path, after: Path, redocly: Path) -> list[str]:
    found: list[str] = []
    for old in sorted((before / SPECIFICATIONS).glob("*.yaml")):
        new = after / SPECIFICATIONS / old.name
        if old.name == "redocly.yaml":
            continue
        if not new.is_file():
            found.append(f"{old.name}: The specification was removed.")
        elif old.read_bytes() != new.read_bytes():
            sentences = broken_by(changes(old, new, redocly))
            # redocly knows no mark: it calls a changed one a patch, and misses those that are objects
            sentences += broken_marks(*(yaml.safe_load(path.read_bytes()) for path in (old, new)))
            found += [f"{old.name}: {sentence}" for sentence in sentences]
    return found


def changes(old: Path, new: Path, redocly: Path) -> list[dict[str, Any]]:
    """What redocly finds changed between two specifications; fails loudly rather than find nothing."""
    if not redocly.is_file():
        raise NotCompared(f"{new.name}, because redocly is not installed (with npm here, `make spec-diff` installs it)")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        quiet = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
        command = [str(redocly), "diff", str(old), str(new), "--format=json", f"--output={report}", "--fail-on=none"]
        # there is no redocly.yaml in the folder, so that none of its settings bends the comparison
        done = subprocess.run(
            command, cwd=folder, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True
        )
        if not report.is_file():
            reasons = [line for line in done.stderr.splitlines() if line.startswith("Error")]
            raise NotCompared(f"{new.name}: {' '.join(reasons) or done.stderr.strip()}")
        found: list[dict[str, Any]] = json.loads(report.read_bytes())["changes"]
        return found


def broken_by(found: list[dict[str, Any]]) -> list[str]:
    """One sentence for each change that redocly, or we, take for breaking."""
    sentences: list[str] = []
    for change in found:
        place = readable(change["path"])
        if change["impact"] == "major":
            sentences += [f"{verdict['message']} [{place}]" for verdict in change["verdicts"]]
        # the service may not mind a field that is no longer sent; whoever sends it does
        elif change["kind"] == "removed" and "/requestBody/" in change["path"] and "/properties/" in change["path"]:
            sentences.append(f"A request field was removed. [{place}]")
    return sentences


def broken_marks(old: Any, new: Any) -> list[str]:
    """One sentence for each mark that says something else than before, on what both documents describe."""
    before, after = dict(marks(old)), dict(marks(new))
    sentences: list[str] = []
    for place, was in before.items():
        for name in was.keys() | after.get(place, was).keys():
            value, now = was.get(name), after.get(place, was).get(name)
            # one more name that is read takes nothing away
            extended = name == "x-adflight-alias" and set(value or ()) <= set(now or ())
            if value != now and not extended and name not in INNOCENT_MARKS:
                sentences.append(f"{name} changed from {json.dumps(value)} to {json.dumps(now)}. [{readable(place)}]")
    return sorted(sentences)


def marks(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document by its place, with the marks on it; those of an operation one by one."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            # a parameter is known by its name, wherever it stands
            known_by = item["name"] if isinstance(item, dict) and "name" in item else index
            yield from marks(item, f"{place}/{known_by}")
    elif isinstance(node, dict):
        own = {name: value for name, value in node.items() if str(name).startswith("x-adflight") or name == "xml"}
        operation = dict(own.pop("x-adflight", {}))
        paging = {f"paging {name}": value for name, value in operation.pop("paging", {}).items()}
        yield place, {**operation, **paging, **own}
        for name, value in node.items():
            if name not in own and name not in ("x-adflight", "example", "examples"):
                yield from marks(value, f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}")


def readable(pointer: str) -> str:
    """`#/paths/~1io~1add/post/responses/200/content/...` as "POST /io/add responses 200 ..."."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if parts[0] == "paths" and len(parts) > 2:
        parts[1:3] = [parts[2].upper(), parts[1]]
    return " ".join(part for part in parts if part not in SCAFFOLDING)


if __name__ == "__main__":
    sys.exit(main())
