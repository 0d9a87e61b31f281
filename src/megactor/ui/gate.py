"""What a request has to bring before the page sees it."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",  # Gradio compiles its templates in the browser
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy: a browser that loads this page talks to this server only."""

HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>MegActor</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark }} body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center;
min-height: 90vh; margin: 0 }} form {{ display: grid; gap: 12px; width: min(20rem, 86vw) }} h1 {{ margin: 0 }}
input, button {{ font: inherit; padding: 10px 14px; border-radius: 12px; border: 1px solid #a8a29e }}
button {{ background: #0f766e; color: #fff; border: 0 }}</style>
<form action="/" method="get"><h1>MegActor</h1><label for="token">{}</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button></form></html>"""


class Gate:
    """ASGI application in front of the page.

    Args:
        app: the page.
        token: what a visitor must know, or None. It comes once as `?token=`, then as a cookie.
        local: the server is for this machine: refuse other host names, which a foreign site could have pointed here
            (DNS rebinding).
    """

    def __init__(self, app: App, token: str | None, local: bool) -> None:
        self._app, self._token, self._local = app, token, local
        self._closing = asyncio.Event()
        self._pass = hashlib.sha256(b"megactor " + (token or "").encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the page answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, lambda: self._receive(receive), _with_headers(send))
            else:
                await _answer(send, *refusal)

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

    def _refusal(self, scope: Scope) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self._local and urlsplit(f"//{host}").hostname not in LOCAL_NAMES:
            return 421, "This page is for its own machine only.", []
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in ("GET", "HEAD") and urlsplit(origin).netloc != host:
            return 403, "Requests from other sites are refused.", []
        if "=http" in scope["path"]:  # Gradio would fetch such files for its visitors
            return 403, "This server fetches nothing from elsewhere.", []
        if self._token is None or self._known(headers.get("cookie", "")):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if given and hmac.compare_digest(given[0].encode(), self._token.encode()):
            cookie = f"megactor={self._pass}; Path=/; HttpOnly; SameSite=Strict"
            return 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode())]
        return (
            401,
            _LOGIN.format("That token is not right." if given else "Token, as printed where the server runs"),
            [],
        )

    def _known(self, cookies: str) -> bool:
        values = (pair.strip().removeprefix("megactor=") for pair in cookies.split(";"))
        return any(hmac.compare_digest(value.encode(), self._pass.encode()) for value in values)


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    body = text if text.startswith("<!") else f"<!doctype html><title>MegActor</title><p>{escape(text)}</p>"
    kind = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *headers]})
    await send({"type": "http.response.body", "body": body.encode()})
