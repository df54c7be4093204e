"""Stands between a client and the server and cuts their connections after a random byte."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import struct
import threading


class CuttingProxy:
    """Forwards every connection to `port` and cuts it off after some bytes from the server.

    How many is drawn from `least` to `most`, from a fixed seed. Every other connection is closed as
    if its end had gone, the others are reset, which takes away what was not read yet.
    """

    def __init__(self, port: int, seed: int, least: int, most: int) -> None:
        self.cuts = 0
        self._target = ("127.0.0.1", port)
        self._draw = random.Random(seed)
        self._bytes = (least, most)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                left, hard = self._draw.randint(*self._bytes), self._draw.random() < 0.5
                forward = threading.Thread(
                    target=self._forward, args=(client, left, hard), daemon=True
                )
                forward.start()

    def _forward(self, client: socket.socket, left: int, hard: bool) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server, selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while left > 0:
                for key, _ in ready.select():
                    source, other = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536 if source is client else min(left, 65536))
                    if not data:
                        return
                    other.sendall(data)
                    left -= 0 if source is client else len(data)
                    if left <= 0:
                        break
            self.cuts += 1
            if hard:
                _reset(client)
                _reset(server)


def _reset(connection: socket.socket) -> None:
    # Closed like this it is gone at once, without a farewell.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
