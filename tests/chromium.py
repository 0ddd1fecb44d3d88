"""A real browser for tests: headless Chromium, told what to do over its DevTools protocol.

The browser comes inside an npm package, for want of one in a wheel; `make test` unpacks it where npm is. Nothing else
of npm is used: the protocol is JSON over a WebSocket, and aiohttp speaks that.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import orjson
import pytest

from tests.programs import ROOT

UNPACKED: Final = ROOT / "node_modules" / ".cache" / "chromium"
EXECUTABLE: Final = UNPACKED / "chromium"
PATIENCE: Final = 60.0

needs_chromium = pytest.mark.skipif(
    not EXECUTABLE.exists() and "CI" not in os.environ,
    reason="Chromium comes with `make test`, where npm is",
)

_ARGUMENTS: Final = (
    "--headless",
    # as root, and without a display or the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--font-render-hinting=none",
    "--remote-debugging-port=0",
)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self.complaints: list[str] = []
        """What the page wrote to its console as errors or warnings, and exceptions that nobody caught."""
        self.requested: list[str] = []
        """The URLs of everything that the page asked for."""
        self._reading = asyncio.create_task(self._read())

    async def aclose(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._socket:
            said = orjson.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
                continue
            self._note(said["method"], said["params"])
            waiting = self._waiting.pop(said["method"], None)
            if waiting is not None:
                waiting.set_result(None)
        for waiting in (*self._answers.values(), *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionError("Chromium is gone"))

    def _note(self, event: str, params: dict[str, Any]) -> None:
        match event:
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(str([one.get("value", one.get("description")) for one in params["args"]]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])

    async def send(self, method: str, **params: Any) -> Any:
        """A command of the protocol, and its result."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        command = {"id": self._number, "method": method, "params": params}
        await self._socket.send_str(orjson.dumps(command).decode())
        async with asyncio.timeout(PATIENCE):
            said = await answer
        assert "error" not in said, (method, said)
        return said["result"]

    async def open(self, path: Path) -> Self:
        """Opens a file, and waits until it is loaded."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        loaded = self._waiting["Page.loadEventFired"] = asyncio.get_running_loop().create_future()
        await self.send("Page.navigate", url=path.as_uri())
        async with asyncio.timeout(PATIENCE):
            await loaded
        return self

    async def value(self, expression: str) -> Any:
        """What an expression of JavaScript comes to, as JSON."""
        result = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def type(self, selector: str, text: str) -> None:
        """Puts a text into a field as keys would."""
        await self.value(f"document.querySelector({selector!r}).focus(), document.activeElement.select()")
        await self.send("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Clicks with the mouse, in the middle of what is found."""
        x, y = await self.value(
            f"(() => {{ const found = document.querySelector({selector!r}); found.scrollIntoView({{block: 'center'}});"
            " const box = found.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def move_to(self, x: float, y: float) -> None:
        """Moves the mouse."""
        await self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def prefer(self, scheme: str) -> None:
        """Light or dark, as the system says it; at once, since colours that still change are no colours."""
        preferences = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in preferences.items()]
        await self.send("Emulation.setEmulatedMedia", features=features)

    async def resize(self, width: int, height: int) -> None:
        """The size of the window, in CSS pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def screenshot(self, *, whole: bool = True) -> bytes:
        """A picture of the page, as PNG."""
        shot = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def browser(directory: Path) -> AsyncIterator[Page]:
    """A browser with one tab; `directory` takes its profile, and is empty."""
    libraries = UNPACKED / "al2023" / "lib"
    env = {
        **os.environ,
        # what the machine may not have comes with it
        "LD_LIBRARY_PATH": str(libraries),
        "FONTCONFIG_FILE": str(_fonts(directory)),
        "HOME": str(directory),
    }
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        EXECUTABLE, *_ARGUMENTS, f"--user-data-dir={directory}", "about:blank", env=env, stdout=null, stderr=null
    )
    try:
        port = await _port(directory / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                (tab,) = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                try:
                    yield page
                finally:
                    await page.aclose()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _fonts(directory: Path) -> Path:
    """The fonts that come with the browser, and no others: a page looks alike everywhere."""
    settings = directory / "fonts.conf"
    settings.write_text(
        f"<fontconfig><dir>{UNPACKED / 'fonts'}</dir><cachedir>{directory / 'fonts'}</cachedir></fontconfig>"
    )
    return settings


def _written(file: Path) -> int | None:
    lines = file.read_text().splitlines() if file.exists() else []
    return int(lines[0]) if lines else None


async def _port(file: Path, process: asyncio.subprocess.Process) -> int:
    """Chromium writes down where it listens."""
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None, f"Chromium ended at once, with {process.returncode}"
            if (written := _written(file)) is not None:
                return written
            await asyncio.sleep(0.02)
