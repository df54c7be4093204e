"""What is asked of each server, and which numbers are taken from the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Report = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """One row of the summary."""

    name: str
    title: str
    unit: str
    better: str  # "more" or "less"
    value: Callable[[Report], float | None]
    # Only means something when every event arrived.
    lossless: bool = False
    # Something that the load generator may be too slow for.
    rate: bool = False

    @property
    def heading(self) -> str:
        return f"{self.title}, {self.unit}" if self.unit else self.title


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...]
    metrics: tuple[Metric, ...]
    # For a server with a durable log only, run by the server program itself.
    append: bool = False
    timeout_s: int = 180


def delivered(key: str) -> Callable[[Report], float | None]:
    def value(report: Report) -> float | None:
        phases = report["phases"]
        return phases[0][key] if phases else None

    return value


def latency(quantile: str) -> Callable[[Report], float | None]:
    def value(report: Report) -> float | None:
        phases = report["phases"]
        return phases[0]["latency_from_due"][quantile] if phases else None

    return value


def connected(key: str, divisor: float = 1.0) -> Callable[[Report], float | None]:
    def value(report: Report) -> float | None:
        measured: float = report["connect"][key]
        return measured / divisor

    return value


def sustained(report: Report) -> float | None:
    best: float | None = report["sustained_delivered_per_s"]
    return best


def sustained_per_cpu(report: Report) -> float | None:
    passed = [p for p in report["phases"] if p["rate"] == report["sustained_rate"]]
    return passed[0]["delivered_per_cpu_s"] if passed else None


def lost_percent(report: Report) -> float | None:
    phase = report["phases"][0]
    return 100.0 * float(phase["lost"]) / max(float(phase["expected"]), 1.0)


def wire_bytes(report: Report) -> float | None:
    phase = report["phases"][0]
    return float(phase["wire_bytes"]) / max(float(phase["delivered"]), 1.0)


def burst(name: str) -> tuple[Metric, ...]:
    return (
        Metric(
            f"{name}_per_s",
            "deliveries/s",
            "",
            "more",
            delivered("delivered_per_s"),
            lossless=True,
            rate=True,
        ),
        Metric(
            f"{name}_per_cpu_s",
            "deliveries per server CPU second",
            "",
            "more",
            delivered("delivered_per_cpu_s"),
            lossless=True,
            rate=True,
        ),
        Metric(f"{name}_lost", "lost", "%", "less", lost_percent),
        Metric(f"{name}_wire", "on the wire", "bytes/event", "less", wire_bytes, lossless=True),
    )


def sweep(name: str, title: str, tasks: int) -> Scenario:
    common = ("sweep", "--conns", "1000", "--tasks", str(tasks), "--from", "10", "--factor", "2")
    return Scenario(
        name=name,
        title=title,
        arguments=(*common, "--seconds", "2", "--max-steps", "16"),
        quick=(*common, "--seconds", "1", "--max-steps", "10"),
        metrics=(
            Metric(f"{name}_per_s", "sustained deliveries/s, nothing lost", "", "more", sustained),
            Metric(
                f"{name}_per_cpu_s",
                "deliveries per server CPU second at that rate",
                "",
                "more",
                sustained_per_cpu,
            ),
        ),
        timeout_s=300,
    )


SCENARIOS = (
    Scenario(
        name="tasks",
        title="100 tasks x 10 clients, 250 events each, as fast as possible",
        arguments=("run", "--conns", "1000", "--tasks", "100", "--count", "250", "--timeout", "60"),
        quick=("run", "--conns", "1000", "--tasks", "100", "--count", "50"),
        metrics=burst("tasks"),
    ),
    Scenario(
        name="crowd",
        title="1 task x 1,000 clients x 1,000 events, as fast as possible",
        arguments=("run", "--conns", "1000", "--tasks", "1", "--count", "1000", "--timeout", "60"),
        quick=("run", "--conns", "1000", "--tasks", "1", "--count", "100"),
        metrics=burst("crowd"),
    ),
    Scenario(
        name="idle",
        title="5,000 connections to one task, then 10 events at one per second",
        arguments=(
            *("run", "--conns", "5000", "--tasks", "1", "--count", "10", "--rate", "1"),
            *("--connect-parallel", "100", "--connect-timeout", "30", "--settle", "3"),
            *("--timeout", "60"),
        ),
        quick=(
            *("run", "--conns", "1000", "--tasks", "1", "--count", "3", "--rate", "1"),
            *("--connect-parallel", "100", "--connect-timeout", "30", "--settle", "1"),
        ),
        metrics=(
            Metric("setups", "set-ups/s", "", "more", connected("per_s")),
            Metric(
                "idle_kib",
                "memory per idle connection",
                "KiB",
                "less",
                connected("rss_bytes_per_conn", 1024.0),
            ),
            Metric(
                "broadcast_p99", "broadcast p99", "ms", "less", latency("p99_ms"), lossless=True
            ),
        ),
    ),
    Scenario(
        name="paced",
        title="100 tasks x 10 clients, 20 events/s each (20,000 deliveries/s)",
        arguments=("run", "--conns", "1000", "--tasks", "100", "--count", "200", "--rate", "20"),
        quick=("run", "--conns", "1000", "--tasks", "100", "--count", "40", "--rate", "20"),
        metrics=(
            Metric(
                "paced_p50", "p50 from the due time", "ms", "less", latency("p50_ms"), lossless=True
            ),
            Metric(
                "paced_p99", "p99 from the due time", "ms", "less", latency("p99_ms"), lossless=True
            ),
        ),
    ),
    Scenario(
        name="in_step",
        title="the same with all 100 tasks ticking at one moment",
        arguments=(
            *("run", "--conns", "1000", "--tasks", "100", "--count", "200", "--rate", "20"),
            "--in-step",
        ),
        quick=(
            *("run", "--conns", "1000", "--tasks", "100", "--count", "40", "--rate", "20"),
            "--in-step",
        ),
        metrics=(
            Metric(
                "in_step_p99",
                "p99 from the due time",
                "ms",
                "less",
                latency("p99_ms"),
                lossless=True,
            ),
        ),
    ),
    Scenario(
        name="thousand",
        title="10 tasks x 10 clients, 100 events/s each (1,000 events/s)",
        arguments=("run", "--conns", "100", "--tasks", "10", "--count", "1000", "--rate", "100"),
        quick=("run", "--conns", "100", "--tasks", "10", "--count", "200", "--rate", "100"),
        metrics=(
            Metric(
                "thousand_p50",
                "publish-to-receipt p50",
                "ms",
                "less",
                latency("p50_ms"),
                lossless=True,
            ),
            Metric(
                "thousand_p99",
                "publish-to-receipt p99",
                "ms",
                "less",
                latency("p99_ms"),
                lossless=True,
            ),
        ),
    ),
    sweep("sustained_crowd", "1 task x 1,000 clients, rate raised until it fails", 1),
    sweep("sustained_tasks", "100 tasks x 10 clients, rate raised until it fails", 100),
    Scenario(
        name="append",
        title="Events appended to the durable log, nobody listening",
        arguments=("--events", "500000"),
        quick=("--events", "50000"),
        metrics=(
            Metric(
                "append_batched",
                "events/s, up to 64 in an append, by 8 tasks",
                "",
                "more",
                lambda report: report.get("batched_events_per_s"),
            ),
            Metric(
                "append_single",
                "events/s, one in an append, by 100 tasks",
                "",
                "more",
                lambda report: report.get("single_events_per_s"),
            ),
        ),
        append=True,
    ),
)


def chosen(scenarios: str) -> list[Scenario]:
    """The scenarios named in a comma-separated list; all without one."""
    words = [word.strip() for word in scenarios.split(",") if word.strip()]
    names = {scenario.name: scenario for scenario in SCENARIOS}
    for word in words:
        if word not in names:
            raise ValueError(f"SCENARIOS names {word!r}; there are {', '.join(names)}")
    return [s for s in SCENARIOS if s.name in words] if words else list(SCENARIOS)
