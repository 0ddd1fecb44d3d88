"""`adflight call VENDOR TAG OPERATION`: any operation of the specifications, with help that comes from them.

JSON goes to standard output, everything else to standard error. `arguments` reads values; `calling` sends. Only what a
command line names is looked at: help must be quick. Imports cyclopts and `target`; the rest when it is needed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

from attrs import frozen
from cyclopts import App, Group, Parameter

from adflight.cli.target import NO_TARGET, Target

if TYPE_CHECKING:
    from adflight.cli.arguments import Kind

VENDORS: Final = {
    "iqm": "Insertion orders, campaigns and bid models of IQM.",
    "freewheel": "Insertion orders of FreeWheel.",
    "icareus": "Campaigns, schedules and daily caps of the Icareus Suite.",
}
_SECRET: Final = {"password", "refresh_token"}
_ARGUMENTS: Final = Group("Arguments of the operation", sort_key=1)
_HOW: Final = Group("How to call it", sort_key=2)


_DEFAULT: Final = re.compile(r"\(default \w+\.(\w+)\)")


def _spelled(default: re.Match[str]) -> str:
    """A member of an enumeration as a command line has it."""
    return f"(default {default[1].lower()})"


def run(tokens: Sequence[str]) -> int | None:
    """What stands after `adflight call`; returns the exit code."""
    # the specifications' own spelling is right, too
    names = [token.replace("_", "-") if at < 3 and token[:1] != "-" else token for at, token in enumerate(tokens)]
    code: int | None = app_for(names)(names)
    return code


def app_for(tokens: Sequence[str]) -> App:
    """The parser of a command line, with as much of the specifications as it names."""
    app = App(
        name="adflight call",
        help="Call any operation of a vendor.\n\nThe answer is JSON on standard output. Example: adflight call iqm "
        "campaigns get --campaign-id 537599 --sandbox",
        help_format="plaintext",
        version_flags=[],
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
    )
    vendor, tag, operation = [*tokens[:3], "", "", ""][:3]
    for name, words in VENDORS.items():
        app.command(_vendor_app(name, words, tag, operation) if name == vendor else App(name=name, help=words))
    return app


def _vendor_app(vendor: str, words: str, tag: str, operation: str) -> App:
    app = App(name=vendor, help=words)
    module = import_module(f"adflight_api.{vendor}.client")
    for name, resource in vars(module.Operations).items():
        if isinstance(resource, property):
            shown = App(name=name.replace("_", "-"), help=inspect.getdoc(resource))
            if name == tag.replace("-", "_"):
                methods = getattr(module, resource.fget.__annotations__["return"])
                _add_operations(shown, vendor, name, methods, operation.replace("-", "_"))
            app.command(shown)
    return app


def _add_operations(app: App, vendor: str, tag: str, methods: type, operation: str) -> None:
    for name, method in vars(methods).items():
        if not name.startswith("_"):
            described = Described.of(vendor, tag, name, method)
            command = described.command() if name == operation else _nothing
            text = described.help if name == operation else described.summary
            app.command(command, name=name.replace("_", "-"), help=text, help_format="plaintext")


def _nothing() -> None:
    """Stands for an operation that is not the one that is called."""


@frozen
class Argument:
    """One argument of an operation."""

    name: str
    kind: Kind
    words: str
    is_required: bool
    is_positional: bool

    def parameter(self) -> inspect.Parameter:
        """As cyclopts takes it: a text, so that what is wrong with it is said in our words."""
        hint = self.kind.expected if self.is_positional else self.kind.hint
        shown = [self.words, *([f"{hint[:1].upper()}{hint[1:]}."] if hint else [])]
        how = Parameter(
            help=" ".join(shown) + (" Required." if self.is_required else ""),
            metavar=self.kind.metavar,
            group=_ARGUMENTS,
            allow_leading_hyphen=self.kind.metavar in ("INT", "NUMBER"),
        )
        annotation: Any = Annotated[str | None, how] if self.kind.metavar else Annotated[bool | None, how]
        form = inspect.Parameter.POSITIONAL_OR_KEYWORD if self.is_positional else inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(self.name, form, default=None, annotation=annotation)

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"


@frozen
class Described:
    """An operation, as its generated method describes it."""

    vendor: str
    tag: str
    name: str
    method: Callable[..., Any]
    summary: str
    text: str
    source: str
    words: Mapping[str, str]
    """What each argument is."""

    @classmethod
    def of(cls, vendor: str, tag: str, name: str, method: Callable[..., Any]) -> Described:
        text = inspect.getdoc(method) or ""
        text, _, source = text.partition("\nSource: ")
        text, _, rest = text.partition("\nArgs:\n")
        text = text.partition("\nRaises:\n")[0]
        summary, _, more = text.partition("\n")
        listed = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", rest.partition("\nRaises:\n")[0], re.MULTILINE)
        words = {argument: _DEFAULT.sub(_spelled, " ".join(said.split())) for argument, said in listed}
        return cls(vendor, tag, name, method, summary, " ".join(more.split()), " ".join(source.split()), words)

    @property
    def help(self) -> str:
        parts = [self.summary, self.text, f"Source: {self.source}"]
        if self.takes_secrets:
            parts.append("It takes secrets, which are never arguments, so it cannot be called from here.")
        return "\n\n".join(part for part in parts if part)

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        return [each for each in inspect.signature(self.method).parameters.values() if each.name != "self"]

    @property
    def takes_secrets(self) -> bool:
        return not _SECRET.isdisjoint(each.name for each in self._parameters)

    @property
    def is_list(self) -> bool:
        return not inspect.iscoroutinefunction(self.method)

    def arguments(self) -> list[Argument]:
        from adflight.cli.arguments import kind_of

        return [
            Argument(
                name=each.name,
                kind=kind_of(each.annotation, self.vendor),
                words=self.words.get(each.name, ""),
                is_required=each.default is inspect.Parameter.empty,
                is_positional=each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD,
            )
            for each in self._parameters
        ]

    def command(self) -> Callable[..., int | None]:
        """A function whose signature has cyclopts read the command line."""
        if self.takes_secrets:
            return self._refuse
        arguments = self.arguments()

        def command(
            *positional: Any,
            target: Target = NO_TARGET,
            body: str | None = None,
            raw: bool = False,
            yes: bool = False,
            **named: Any,
        ) -> int:
            from adflight.cli.calling import Call

            every = named.pop("all", False)
            texts = dict(zip((each.name for each in arguments), positional, strict=False)) | named
            given = {name: text for name, text in texts.items() if text is not None}
            return Call(
                operation=self,
                arguments=arguments,
                given=given,
                body=body,
                target=target,
                every=every,
                raw=raw,
                yes=yes,
            ).run()

        keywords = [each for each in arguments if not each.is_positional]
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.parameter() for each in arguments if each.is_positional]
            + [each.parameter() for each in keywords]
            + list(_common(is_list=self.is_list))
        )
        command.__annotations__ = {
            name: parameter.annotation for name, parameter in inspect.signature(command).parameters.items()
        }
        return command

    def _refuse(self, *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]) -> None:
        from adflight.core.errors import ConfigurationError

        raise ConfigurationError(
            f"{self.tag}.{self.name} takes secrets, which are never arguments. Every call logs in by itself; "
            f"adflight login NAME --vendor {self.vendor} keeps an account"
        )


def _common(*, is_list: bool) -> Sequence[inspect.Parameter]:
    """What every operation has beside its own arguments."""

    def flag(name: str, words: str) -> inspect.Parameter:
        annotation = Annotated[bool, Parameter(help=words, negative="", show_default=False, group=_HOW)]
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)

    words = "A file with the whole body as the wire has it, in JSON, or - for standard input."
    body = Annotated[str | None, Parameter(help=words, metavar="FILE", group=_HOW, allow_leading_hyphen=True)]
    return [
        inspect.Parameter("body", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=body),
        *([flag("all", "Every row of every page, as JSON lines, instead of the first page.")] if is_list else []),
        flag("raw", "The answer as it came, envelope and all."),
        flag("yes", "Do not ask before something is changed on a real account."),
        inspect.Parameter("target", inspect.Parameter.KEYWORD_ONLY, default=NO_TARGET, annotation=Target),
    ]
