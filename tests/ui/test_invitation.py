"""The address that others are told, and its code."""

import socket

import cv2
import numpy as np
import pytest

from megactor.ui.invitation import qr_code, reachable_host


def test_a_page_that_listens_everywhere_names_an_address_of_the_network() -> None:
    host = reachable_host("0.0.0.0")
    assert host not in ("0.0.0.0", "::", "")
    socket.getaddrinfo(host, 80)
    assert reachable_host("192.168.1.7") == "192.168.1.7"


def test_the_code_can_be_read() -> None:
    pytest.importorskip("segno", reason="segno is not installed")
    url = "http://192.168.1.7:7860/?token=abcdefghijklmnopqrstuv"
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    rows = []
    for line in qr_code(url).splitlines():
        cells = [halves[character] for character in line if character in halves]
        rows += [[cell[0] for cell in cells], [cell[1] for cell in cells]]
    width = max(map(len, rows))
    picture = np.array([row + [0] * (width - len(row)) for row in rows], np.uint8) * 255
    large = np.pad(np.kron(picture, np.ones((8, 8), np.uint8)), 32, constant_values=0)
    texts = [cv2.QRCodeDetector().detectAndDecode(image)[0] for image in (large, 255 - large)]
    assert url in texts


def test_without_segno_there_is_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("megactor.ui.invitation.find_spec", lambda name: None)
    assert qr_code("http://192.168.1.7/") == ""
