"""Where the page is served, and who may come in."""

import contextlib
import secrets
import socket
from dataclasses import dataclass

from megactor.errors import InputError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MIN_TOKEN = 8


@dataclass(frozen=True)
class Address:
    """Where the page is served.

    host: name or address to listen at.
    port: number; 0 takes a free one.
    token: what visitors must know, or None.
    framed_by: whose pages may show this one in a frame, as a content security policy names them.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    token: str | None = None
    framed_by: str = "'none'"

    @property
    def local(self) -> bool:
        """Only this machine can reach it."""
        return self.host in LOCAL_NAMES


def choose_address(host: str | None, port: int, token: str | None, allow_public: bool) -> Address:
    """Settles who may come in.

    Raises:
        InputError: the options contradict each other, or the token is too short to be one.
    """
    if token is not None and allow_public:
        raise InputError("--token and --allow-public contradict each other: choose one")
    if token is not None and len(token) < MIN_TOKEN:
        raise InputError(f"the token has {len(token)} characters, at least {MIN_TOKEN} are needed")
    address = Address(host or "127.0.0.1", port, token)
    if not address.local and token is None and not allow_public:
        return Address(address.host, port, secrets.token_urlsafe(16))
    return address


def listen(address: Address) -> socket.socket:
    """A socket at an address; who comes before the server is ready waits.

    Raises:
        InputError: the address cannot be used.
    """
    with contextlib.ExitStack() as stack:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"cannot listen at {address.host}, port {address.port} ({reason}): try another --port or --host"
            ) from error
        stack.pop_all()
        return listener
