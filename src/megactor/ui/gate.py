"""What a request has to bring before the page sees it."""

import asyncio
import base64
import hashlib
import hmac
import math
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from megactor.ui.address import LOCAL_NAMES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'{}",  # Gradio makes functions of the page's own event scripts
        "style-src 'self' 'unsafe-inline'",  # Gradio writes its theme and its parts' styles into the page
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy: a browser that loads this page talks to this server only, and runs no script that stands in
a page, but for those that Gradio writes into its own, which are named there by their hashes."""

POLICY_HEADER = b"content-security-policy"

HEADERS = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

OPEN_PATHS = re.compile(
    r"/|/visit(/.*)?|/media/.*|/page/.*|/responsible-use|/assets/.*|/static/.*|/svelte/.*|/theme\.css|/favicon\.ico"
    r"|/config|/gradio_api/(heartbeat/.*|startup-events|app_id|info)|/live(/.*)?"
)
"""What is there for browsers: our own addresses, and of Gradio's those that its page loads. Its uploads, its queue, its
files and its description of all that are not."""

_LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>MegActor</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark }} body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center;
min-height: 90vh; margin: 0 }} form {{ display: grid; gap: 12px; width: min(20rem, 86vw) }} h1 {{ margin: 0 }}
input, button {{ font: inherit; padding: 10px 14px; border-radius: 12px; border: 1px solid #a8a29e }}
button {{ background: #0f766e; color: #fff; border: 0 }}</style>
<main><form action="/" method="get"><h1>MegActor</h1><label for="token">{}</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button></form></main></html>"""


Refusal = tuple[int, str, list[tuple[bytes, bytes]]]


class Guesses:
    """Slows whoever tries tokens: the wait doubles with every wrong one, from one second to a minute.

    Args:
        clock: seconds, monotonic.
    """

    _KNOWN = 1000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, tuple[int, float]] = {}  # how many in a row, and until when nothing is tried

    def wait(self, guesser: str) -> float:
        """Seconds until this address may try again."""
        return self._wrong.get(guesser, (0, 0.0))[1] - self._clock()

    def wrong(self, guesser: str) -> None:
        """It did not know the token."""
        count = self._wrong.pop(guesser, (0, 0.0))[0] + 1
        self._wrong[guesser] = count, self._clock() + min(2.0 ** (count - 1), 60.0)
        while len(self._wrong) > self._KNOWN:  # the longest ago first
            self._wrong.pop(next(iter(self._wrong)))

    def right(self, guesser: str) -> None:
        """It knew it."""
        self._wrong.pop(guesser, None)


class Gate:
    """ASGI application in front of the page.

    Args:
        app: the page.
        token: what a visitor must know, or None. It comes once as `?token=`, then as a cookie.
        local: the server is for this machine: refuse other host names, which a foreign site could have pointed here
            (DNS rebinding).
        framed_by: who may show the page in a frame, as a policy names them.
    """

    def __init__(self, app: App, token: str | None, local: bool, framed_by: str = "'none'") -> None:
        self._app, self._token, self._local = app, token, local
        self._policy = POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {framed_by}")
        self._closing = asyncio.Event()
        self._guesses = Guesses()
        self._pass = hashlib.sha256(b"megactor " + (token or "").encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the page answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:100]})
        elif refusal is not None:
            await _answer(send, self._policy, *refusal)
        elif scope["path"] == "/":
            await self._app(scope, lambda: self._receive(receive), _PageSend(send, self._policy))
        else:
            await self._app(scope, lambda: self._receive(receive), _with_headers(send, self._policy))

    def close(self) -> None:
        """Ends all connections; the page keeps some open for as long as a browser shows it."""
        self._closing.set()

    async def _receive(self, receive: Receive) -> MutableMapping[str, Any]:
        message, closing = asyncio.ensure_future(receive()), asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((message, closing), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()
            closing.cancel()

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self._local and _host_name(host) not in LOCAL_NAMES:
            return 421, "This page is for its own machine only.", []
        origin = headers.get("origin")
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if origin is not None and not reads and _host(origin) != host:
            return 403, "Requests from other sites are refused.", []
        if not OPEN_PATHS.fullmatch(scope["path"]) or "=http" in scope["path"]:
            return 404, "There is nothing here.", []
        if self._token is None or self._known(headers.get("cookie", "")):
            return None
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token")
        if not given:
            return 401, _LOGIN.format("Token, as printed where the server runs"), []
        guesser = str((scope.get("client") or ("",))[0])
        wait = self._guesses.wait(guesser)
        if wait > 0:
            retry = [(b"retry-after", str(math.ceil(wait)).encode())]
            return 429, _LOGIN.format(f"Too many wrong tokens: try again in {math.ceil(wait)} s"), retry
        if hmac.compare_digest(given[0].encode(), self._token.encode()):
            self._guesses.right(guesser)
            cookie = f"megactor={self._pass}; Path=/; HttpOnly; SameSite=Strict"
            return 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode())]
        self._guesses.wrong(guesser)
        return 401, _LOGIN.format("That token is not right."), []

    def _known(self, cookies: str) -> bool:
        values = (pair.strip().removeprefix("megactor=") for pair in cookies.split(";"))
        return any(hmac.compare_digest(value.encode(), self._pass.encode()) for value in values)


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _headers(given: list[tuple[bytes, bytes]], policy: str) -> list[tuple[bytes, bytes]]:
    """With ours; an answer's own content policy stays, since it is stricter."""
    own = [] if any(name.lower() == POLICY_HEADER for name, _ in given) else [(POLICY_HEADER, policy.encode())]
    return [*given, *own, *HEADERS]


def _with_headers(send: Send, policy: str) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = _headers(list(message.get("headers", ())), policy.format(""))
        await send(message)

    return sending


class _PageSend:
    """Sends Gradio's page with a policy that names the scripts in it."""

    def __init__(self, send: Send, policy: str) -> None:
        self._send, self._policy, self._body = send, policy, b""
        self._start: MutableMapping[str, Any] = {}

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        scripts = re.findall(rb"<script(?:\s[^>]*)?>(.*?)</script>", self._body, re.S)
        hashes = "".join(
            f" 'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in scripts if text
        )
        given = [*self._start.get("headers", ()), (b"cache-control", b"no-store")]
        self._start["headers"] = _headers(given, self._policy.format(hashes))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


async def _answer(send: Send, policy: str, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    body = text if text.startswith("<!") else f"<!doctype html><title>MegActor</title><p>{escape(text)}</p>"
    kind = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    send = _with_headers(send, policy)
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *headers]})
    await send({"type": "http.response.body", "body": body.encode()})
