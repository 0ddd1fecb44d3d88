"""A session with options: what resources are bound to.

Imports the session and the pager; vendors' clients import it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Literal, TypeVar

from attrs import evolve

from adflight.core.error_bodies import read_xml
from adflight.core.options import Options
from adflight.core.paging import ListPager
from adflight.core.session import Session
from adflight_api.runtime import InvalidInput, Operation, Paging, Repeat, Request, to_text

T = TypeVar("T")
AnswerT = TypeVar("AnswerT")
RowT = TypeVar("RowT")


class BoundCaller:
    """Calls one session with one set of options; implements `adflight_api.runtime.Caller`.

    Cheap to make, and it shares everything: connections, token, quota.
    """

    __slots__ = ("options", "session")

    def __init__(self, session: Session, options: Options | None = None) -> None:
        self.session: Final = session
        self.options: Final = Options() if options is None else options

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session.base_url}>"

    def with_options(self, **changes: Any) -> BoundCaller:
        """The same with other options, by the names that `Options` has; the others stay."""
        return BoundCaller(self.session, evolve(self.options, **changes))

    def call(self, request: Request, parse: Callable[[Any], T], /) -> Coroutine[Any, Any, T]:
        """See `Session.call`."""
        return self.session.call(request, parse, self.options)

    def pager(
        self, request: Request, parse: Callable[[Any], AnswerT], paging: Paging[AnswerT, RowT], /
    ) -> ListPager[AnswerT, RowT]:
        """The rows of a list operation. With the option `raw`, `await` gives the raw answer; rows are rows anyway."""
        plain = self.with_options(raw=False).call if self.options.raw else None
        return ListPager(self.call, request, parse, paging, page_call=plain)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        xml: str | None = None,
        media: Literal["json", "xml"] = "json",
        repeat: Repeat = "create",
        envelope: str | None = None,
        security: tuple[str, ...] | None = None,
    ) -> Any:
        """Calls an operation that the specification does not know, with everything that a known one gets.

            await caller.request("GET", "/api/v3/example/things", query={"pageNo": 1}, repeat="read", envelope="data")

        `repeat` says what sending it twice would do; unless told, that it would buy twice. `media` is what it speaks;
        with "xml" the body, if it has one, is the document `xml`. `envelope` is the key of the answer's content, if it
        has one. `security` names the schemes that the authenticator is to supply, for calls
        that take other credentials than most.

        Returns:
            The decoded JSON inside the envelope, or untyped XML as `{root: content}`; a `RawAnswer` of it with the
            option `raw`.

        Raises:
            InvalidInput: `path` is not the path of a URL, or `method` not one word, or the body is of the other media.
            AdflightError: see `Session.call`.
        """
        if not path.startswith("/") or path.startswith("//") or not path.isascii() or set(path) & set("?#\\ \t\r\n"):
            # anything else could carry credentials to another host
            raise InvalidInput("path", path, "an encoded path that begins with one slash; a query goes into `query`")
        if not (method.isascii() and method.isalpha()):
            raise InvalidInput("method", method, "an HTTP method")
        if (json if media == "xml" else xml) is not None:
            raise InvalidInput("json" if media == "xml" else "xml", "a body", f"a body in {media.upper()}")
        operation = Operation(
            id=f"{method.upper()} {path}",
            method=method.upper(),
            path=path,
            source="a call of request()",
            repeat=repeat,
            envelope=envelope,
            security=self.session.default_security if security is None else security,
            acknowledged=self.session.acknowledged and media == "json",
            media=media,
            decode=read_xml if media == "xml" else None,
            encode=str.encode if media == "xml" else None,
        )
        texts = {name: to_text(value) for name, value in (query or {}).items() if value is not None}
        return await self.call(
            Request(operation, path, query=texts or None, body=json if xml is None else xml), _as_it_is
        )


def _as_it_is(value: Any) -> Any:
    return value
