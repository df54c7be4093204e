"""Answers to polls that are cut off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import requests

from msgalaxy.connection import http_session

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"

Answering = Callable[[bytes], str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Answers one request with some bytes and hangs up."""
    doors: list[socket.socket] = []

    def answer(data: bytes) -> str:
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)

        def serve() -> None:
            client, _ = door.accept()
            with client:
                client.recv(65536)
                client.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{door.getsockname()[1]}/socket.io/"

    yield answer
    for door in doors:
        door.close()


def test_a_whole_answer_passes(answering: Answering) -> None:
    assert http_session().get(answering(WHOLE), timeout=20).text == "ok"


def test_an_answer_is_missed_wherever_it_was_cut(answering: Answering) -> None:
    for cut in range(len(WHOLE)):
        with pytest.raises(requests.exceptions.RequestException):
            http_session().get(answering(WHOLE[:cut]), timeout=20)


def test_a_refusal_without_a_word_is_an_answer(answering: Answering) -> None:
    refusal = b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n"
    assert http_session().get(answering(refusal), timeout=20).status_code == 413
