"""In order, each exactly once, whatever arrives how."""

from __future__ import annotations

import random

import pytest
from server import update

from msgalaxy.delivery import HELD_LIMIT, Stream


def seqs(updates: list[dict[str, object]]) -> list[object]:
    return [u.get("seq") for u in updates]


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_and_doubled_events_come_out_in_order(seed: int) -> None:
    arrivals = [*range(1, 31), *range(5, 20)]
    random.Random(seed).shuffle(arrivals)
    stream = Stream("t")
    out = [u for seq in arrivals for u in stream.accept(update("t", seq), now_s=0)]
    assert seqs(out) == list(range(1, 31))
    assert stream.gap_since_s is None


def test_a_gap_is_timed_until_it_closes() -> None:
    stream = Stream("t")
    stream.accept(update("t", 1), now_s=10)
    stream.accept(update("t", 3), now_s=11)
    stream.accept(update("t", 4), now_s=12)
    assert stream.gap_since_s == 11
    assert seqs(stream.accept(update("t", 2), now_s=13)) == [2, 3, 4]
    assert stream.gap_since_s is None


def test_prev_seq_closes_the_gap_of_a_filtered_subscription() -> None:
    stream = Stream("t")
    first = {**update("t", 2), "prev_seq": 0}
    second = {**update("t", 9), "prev_seq": 2}
    assert seqs(stream.accept(second, now_s=0)) == []
    assert seqs(stream.accept(first, now_s=0)) == [2, 9]


def test_events_without_seq_pass_as_they_come() -> None:
    stream = Stream("t")
    plain = {"task_id": "t", "event_type": "progress", "data": {}}
    assert stream.accept(plain, now_s=0) == [plain]
    assert stream.accept(plain, now_s=0) == [plain]


def test_a_snapshot_restarts_behind_the_head() -> None:
    stream = Stream("t", last_seq=40)
    snapshot = {"task_id": "t", "event_type": "snapshot", "data": {"head_seq": 7}}
    assert stream.accept(snapshot, now_s=0) == [snapshot]
    assert seqs(stream.accept(update("t", 7, "status_change"), now_s=0)) == [7]
    assert seqs(stream.accept(update("t", 8), now_s=0)) == [8]


def test_what_is_held_back_is_bounded() -> None:
    stream = Stream("t")
    for seq in range(2, HELD_LIMIT + 10):
        stream.accept(update("t", seq), now_s=0)
    assert len(stream._held) <= HELD_LIMIT
    assert stream.request() == {"task_id": "t"}


def test_the_request_continues_where_the_stream_stands() -> None:
    stream = Stream("t", log_id="log-1")
    assert stream.request() == {"task_id": "t"}
    stream.accept(update("t", 1), now_s=0)
    assert stream.request() == {"task_id": "t", "after_seq": 1, "log_id": "log-1"}
