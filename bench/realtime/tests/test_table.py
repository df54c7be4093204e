"""What the table makes of samples."""

from __future__ import annotations

from typing import Any

import pytest

from harness import scenarios, servers
from harness.__main__ import order
from harness.scenarios import Scenario
from harness.servers import Server
from harness.table import Sample, cell, details, number, others_share, ratio, reference, summary

BY_NAME = {server.name: server for server in servers.SERVERS}
CROWD = next(s for s in scenarios.SCENARIOS if s.name == "crowd")
PACED = next(s for s in scenarios.SCENARIOS if s.name == "paced")
SWEEP = next(s for s in scenarios.SCENARIOS if s.name == "sustained_crowd")


def phase(**changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "rate": 0.0,
        "expected": 1000,
        "lost": 0,
        "delivered": 1000,
        "wire_bytes": 300_000,
        "seconds": 2.0,
        "delivered_per_s": 500.0,
        "delivered_per_cpu_s": 700.0,
        "generator_cpu_s": 1.0,
        "others_busy_s": 0.1,
        "latency_from_due": {"p50_ms": 1.0, "p99_ms": 4.0},
    }
    return {**fields, **changed}


def sample(server: str, scenario: Scenario = CROWD, **changed: Any) -> Sample:
    report = {"phases": [phase(**changed)], "sustained_rate": None}
    return Sample(BY_NAME[server], scenario, report)


def text(samples: list[Sample], server: str, scenario: Scenario = CROWD, metric: int = 0) -> str:
    return cell(samples, BY_NAME[server], scenario, scenario.metrics[metric]).text()


def test_a_cell_gives_the_median_and_the_range_of_its_own_server_and_scenario() -> None:
    samples = [sample("node", delivered_per_s=v) for v in (300.0, 100.0, 250.0)]
    samples += [sample("bare"), sample("node", PACED, delivered_per_s=9.0)]
    assert text(samples, "node") == "250 (100 - 300)"


def test_a_rate_with_losses_is_no_rate() -> None:
    samples = [sample("socketioxide", lost=123), sample("socketioxide", delivered_per_s=400.0)]
    assert text(samples[:1], "socketioxide") == "lost 12.3 %"
    assert text(samples, "socketioxide") == "400, lost 12.3 %"
    assert text(samples, "socketioxide", metric=2) == "6.15 (0 - 12.3)"


def test_a_failure_says_why_and_cannot_break_the_table() -> None:
    failed = Sample(BY_NAME["flask-threading"], CROWD, None, "can't start | new thread")
    lines = details([failed], [failed.server], CROWD)
    assert "failed: can't start / new thread" in lines[-2]
    assert lines[-2].count("|") == lines[2].count("|")


def test_a_generator_at_its_limit_is_said() -> None:
    assert text([sample("bare", generator_cpu_s=1.95)], "bare") == "500, generator at its limit"


def test_a_sweep_counts_its_best_step_though_a_later_one_lost_events() -> None:
    phases = [phase(rate=100.0, delivered_per_cpu_s=77.0), phase(rate=200.0, lost=5)]
    report = {
        "phases": phases,
        "sustained_rate": 100.0,
        "sustained_delivered_per_s": 99_000.0,
    }
    samples = [Sample(BY_NAME["node"], SWEEP, report)]
    assert text(samples, "node", SWEEP) == "99,000"
    assert text(samples, "node", SWEEP, metric=1) == "77"
    nothing = {**report, "sustained_rate": None, "sustained_delivered_per_s": None}
    assert text([Sample(BY_NAME["node"], SWEEP, nothing)], "node", SWEEP) == "no step passed"


def test_the_best_flask_deployment_is_the_reference() -> None:
    rates = {"flask-threading": 10.0, "flask-eventlet": 40.0, "flask-gevent": 20.0}
    samples = [sample(name, delivered_per_s=rate) for name, rate in rates.items()]
    chosen = list(servers.SERVERS)
    more, less = CROWD.metrics[0], PACED.metrics[1]
    assert reference(samples, chosen, servers.FLASK, CROWD, more) == 40.0
    waits = {"flask-threading": 80.0, "flask-eventlet": 90.0}
    samples = [
        sample(name, PACED, latency_from_due={"p50_ms": 1.0, "p99_ms": wait})
        for name, wait in waits.items()
    ]
    assert reference(samples, chosen, servers.FLASK, PACED, less) == 80.0
    assert reference(samples, chosen, servers.NODE, PACED, less) is None


@pytest.mark.parametrize(
    ("value", "against", "metric", "expected"),
    [
        (200.0, 100.0, CROWD.metrics[0], "2x"),
        (2.0, 8.0, PACED.metrics[1], "4x"),
        (8.0, 2.0, PACED.metrics[1], "0.25x"),
        (None, 2.0, PACED.metrics[1], "-"),
        (8.0, None, PACED.metrics[1], "-"),
    ],
)
def test_a_ratio_above_one_is_better(
    value: float | None, against: float | None, metric: scenarios.Metric, expected: str
) -> None:
    assert ratio(value, against, metric) == expected


def test_the_summary_says_which_server_has_the_log_in_the_path() -> None:
    samples = [sample("msgalaxy-sqlite", delivered_per_s=5000.0), sample("node")]
    lines = summary(samples, list(servers.SERVERS), [CROWD])
    assert "MsGalaxy, durable log (log in the path)" in lines[0]
    assert "| 500 | - | - | - | 5,000 | - | 10x |" in lines[2]


def test_the_load_of_others_is_the_median_of_all_runs() -> None:
    samples = [sample("node", others_busy_s=busy) for busy in (0.2, 1.0, 4.0)]
    assert others_share(samples) == 0.5
    assert others_share([]) == 0.0


def test_the_order_turns_every_round() -> None:
    three: list[Server] = list(servers.SERVERS[:3])
    assert [order(three, turn)[0] for turn in range(3)] == [three[0], three[2], three[0]]


def test_what_is_not_there_cannot_be_chosen() -> None:
    assert [s.name for s in servers.chosen("node, flask-g")] == ["flask-gevent", "node"]
    assert [s.name for s in scenarios.chosen("paced,crowd")] == ["crowd", "paced"]
    with pytest.raises(ValueError, match=r"ONLY names 'deno'; there are flask-threading, "):
        servers.chosen("deno")
    with pytest.raises(ValueError, match=r"SCENARIOS names 'fast'; there are tasks, "):
        scenarios.chosen("fast")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.01234, "0.0123"), (12.34, "12.3"), (999.4, "999"), (1234.0, "1,230"), (1.7e6, "1,700,000")],
)
def test_numbers_have_three_digits(value: float, expected: str) -> None:
    assert number(value) == expected


def test_a_server_measured_for_one_thing_takes_no_part_in_others() -> None:
    native = next(server for server in servers.SERVERS if server.name == "native-json")
    taking = [s.name for s in scenarios.SCENARIOS if native.takes_part(s.name, s.append)]
    assert taking == ["tasks", "crowd", "paced"]
