"""The commands that come next, as a shell takes them: about the same file and account, with all that was declared."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from attrs import asdict, frozen

from adflight.cli.spool import STDIN
from adflight.flights.declarations import Declarations

if TYPE_CHECKING:
    from adflight.cli.target import Target


@frozen
class Further:
    """What a command has been told, for those that follow it."""

    file: Path
    target: Target
    vendor: str | None
    declarations: Declarations
    label: str | None = None
    """By which the journal is to know the file, where that is not its name."""

    @property
    def flags(self) -> str:
        """What it takes to reach the same account."""
        return self.target.flags if self.vendor is None else f"{self.target.flags} --vendor {self.vendor}"

    @property
    def _declared(self) -> str:
        given = {name: text for name, text in asdict(self.declarations).items() if text is not None}
        return "".join(f" --{name.replace('_', '-')} {quote(text)}" for name, text in given.items())

    @property
    def apply(self) -> str:
        """Applies the same file; where it was standard input, nobody can be asked."""
        asked = " --yes" if str(self.file) == STDIN else ""
        named = "" if self.label is None else f" --label {quote(self.label)}"
        return f"adflight apply {quote(str(self.file))} {self.flags}{self._declared}{named}{asked}"

    def apply_saved(self, saved: Path) -> str:
        """Applies a plan that holds the file's rows already."""
        return f"adflight apply {quote(str(saved))} {self.flags}"

    @property
    def report(self) -> str:
        return f"adflight report {self.flags}"

    @property
    def keys(self) -> str:
        return f"adflight keys list {self.flags}"

    def failed(self, label: str) -> str:
        """Writes the rows that failed, of the file that the journal calls `label`, by default in this directory."""
        away = (self.label is not None or self.file.name == label) and str(self.file) != label
        source = f" --source {quote(str(self.file))}" if away else ""
        return f"{self.report} --failed failed.csv{source}{self._declared}"
