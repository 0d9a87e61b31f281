"""How others get to the page: an address that they can reach, and a code that a phone's camera reads."""

import io
import socket
from importlib.util import find_spec

_ANYWHERE = ("0.0.0.0", "::")
_ELSEWHERE = ("192.0.2.1", 9)
"""Reserved for documentation (RFC 5737): nobody is asked there, but the way there leaves by the network's address."""


def reachable_host(listening: str) -> str:
    """What others call this machine: where it listens, or its address in the network if that is everywhere.

    Args:
        listening: address of the listening socket.
    """
    if listening not in _ANYWHERE:
        return listening
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:  # no network
            return socket.gethostname()
        return str(probe.getsockname()[0])


def qr_code(url: str) -> str:
    """The address as a QR code for a terminal; "" where `segno`, a part of the extra `ui`, is not installed."""
    if find_spec("segno") is None:
        return ""
    import segno

    drawn = io.StringIO()
    segno.make(url, micro=False).terminal(out=drawn, compact=True)
    return drawn.getvalue().rstrip("\n")
