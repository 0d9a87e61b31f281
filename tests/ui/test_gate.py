"""Who comes in, and what a browser may do once it is in."""

import asyncio
import base64
import contextlib
import hashlib
import re
from typing import Any

import pytest
from patience import PATIENCE

from megactor.errors import InputError
from megactor.ui.address import Address, choose_address
from megactor.ui.gate import Gate, Guesses

TOKEN = "open sesame"


def ask(gate: Gate, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    where, _, query = path.partition("?")
    pairs = {"host": "localhost:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in pairs.items()]
    scope = {"type": "http", "method": method, "path": where, "query_string": query.encode(), "headers": raw}
    with contextlib.suppress(StopIteration):  # nothing in it waits
        gate(scope, None, send).send(None)  # type: ignore[arg-type]
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answer, sent[1]["body"].decode()


async def page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


def test_without_a_token_everyone_on_this_machine_comes_in() -> None:
    status, headers, body = ask(Gate(page, None, local=True))
    assert (status, body) == (200, "the page")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:7860", "", "192.168.1.2", "[", "[::1", "]"])
def test_other_names_for_this_machine_are_refused(host: str) -> None:
    assert ask(Gate(page, None, local=True), host=host)[0] == 421
    assert ask(Gate(page, None, local=False), host=host)[0] == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:7860", "[::1]:7860"])
def test_its_own_names_are_not(host: str) -> None:
    assert ask(Gate(page, None, local=True), host=host)[0] == 200


def test_the_token_opens_once_and_the_cookie_after_that() -> None:
    gate = Gate(page, TOKEN, local=False)
    status, _, body = ask(gate)
    assert status == 401
    assert "the page" not in body
    assert ask(gate, "/visit", "POST")[0] == 401
    assert ask(gate, "/media/a/b/c.mp4", cookie="megactor=nonsense")[0] == 401

    status, headers, _ = ask(gate, "/?token=open%20sesame")
    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]
    assert TOKEN not in headers["set-cookie"]
    cookie = headers["set-cookie"].split(";")[0]
    assert ask(gate, cookie=f"other=1; {cookie}")[2] == "the page"
    assert ask(Gate(page, "another token", local=False), cookie=cookie)[0] == 401


def test_other_sites_cannot_act_for_a_visitor() -> None:
    gate = Gate(page, None, local=True)
    for origin in ("http://evil.example", "null", "http://["):
        assert ask(gate, "/visit", "POST", origin=origin)[0] == 403
    assert ask(gate, "/visit", "POST", origin="http://localhost:7860")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/openapi.json",
        "/gradio_api/openapi.json",
        "/gradio_api/upload",
        "/gradio_api/queue/join",
        "/gradio_api/file=/tmp/ours.mp4",
        "/gradio_api/file=http://10.0.0.1/secret",
        "/gradio_api/proxy=http://10.0.0.1/secret",
        "/assets/=http://10.0.0.1",
    ],
)
def test_gradios_own_programming_interface_is_closed(path: str) -> None:
    assert ask(Gate(page, None, local=True), path)[0] == 404


def test_scripts_in_the_page_are_named_by_their_hashes() -> None:
    html = b"<script>one()</script><script type=module src=a.js></script>\n<script data-a>two()</script>"

    async def gradio(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": html[:20], "more_body": True})
        await send({"type": "http.response.body", "body": html[20:]})

    _, headers, body = ask(Gate(gradio, None, local=True))
    assert body.encode() == html
    (scripts,) = re.findall("script-src ([^;]*)", headers["content-security-policy"])
    wanted = [f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in (b"one()", b"two()")]
    assert scripts.split() == ["'self'", "'unsafe-eval'", *wanted]
    assert "script-src 'self' 'unsafe-eval';" in ask(Gate(page, None, True), "/config")[1]["content-security-policy"]


def test_guessing_gets_slower() -> None:
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    guesses = Guesses(clock)
    tried = 0
    while clock.now < 3600:
        if guesses.wait("guesser") <= 0:
            guesses.wrong("guesser")
            tried += 1
        clock.now += 0.5
    assert tried < 70
    assert guesses.wait("another") <= 0
    gate = Gate(page, TOKEN, local=False)
    assert ask(gate, "/?token=wrong")[0] == 401
    status, headers, body = ask(gate, "/?token=open%20sesame")
    assert (status, headers["retry-after"]) == (429, "1")
    assert "try again in 1 s" in body


def test_addresses() -> None:
    assert choose_address(None, 7860, None, False) == Address("127.0.0.1", 7860, None)
    assert choose_address("localhost", 1, None, False).token is None
    generated = choose_address("0.0.0.0", 7860, None, False).token
    assert generated is not None
    assert len(generated) >= 20
    assert generated != choose_address("0.0.0.0", 7860, None, False).token
    assert choose_address("0.0.0.0", 7860, "long enough", False).token == "long enough"
    assert choose_address("0.0.0.0", 7860, None, True).token is None
    with pytest.raises(InputError, match="contradict"):
        choose_address("0.0.0.0", 7860, "long enough", True)
    with pytest.raises(InputError, match="at least 8"):
        choose_address(None, 7860, "short", False)


def test_closing_ends_connections_that_would_stay_open() -> None:
    async def never() -> Any:
        await asyncio.Event().wait()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        gate.close()
        assert await receive() == {"type": "http.disconnect"}
        await page(scope, receive, send)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    gate = Gate(stream, None, local=False)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    asyncio.run(asyncio.wait_for(gate(scope, never, send), timeout=PATIENCE))
    assert sent[-1]["body"] == b"the page"
