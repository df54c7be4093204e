"""A hundred clients that lose their connections at random; `make storm` has a thousand."""

from __future__ import annotations

import asyncio

import storm
from harness import PATIENCE_S, Server


def test_every_client_hears_every_event_once_and_in_order(server: Server) -> None:
    tally = asyncio.run(storm.blow(server.url, 100, 10, 10, seed=3, limit_s=PATIENCE_S))
    assert tally.faults == []
    assert tally.connections > 300
