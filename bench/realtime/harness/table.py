"""From samples to Markdown: medians, ranges, ratios, and what could not be measured."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.scenarios import Metric, Scenario
from harness.servers import FLASK, NODE, Server

# From this share of its core on, the load generator may be what is measured.
GENERATOR_LIMIT = 0.9


@dataclass(frozen=True)
class Sample:
    """One run of one scenario against one server: a report, or why there is none."""

    server: Server
    scenario: Scenario
    report: dict[str, Any] | None
    failure: str = ""


@dataclass(frozen=True)
class Cell:
    """All values of one metric for one server, and remarks on them."""

    values: tuple[float, ...]
    remarks: tuple[str, ...]

    @property
    def median(self) -> float | None:
        return median(self.values) if self.values else None

    def text(self) -> str:
        parts = []
        if self.values:
            low, high = min(self.values), max(self.values)
            spread = f" ({number(low)} - {number(high)})" if len(self.values) > 1 else ""
            parts.append(f"{number(median(self.values))}{spread}")
        return ", ".join([*parts, *self.remarks]) or "-"


def cell(samples: list[Sample], server: Server, scenario: Scenario, metric: Metric) -> Cell:
    values: list[float] = []
    remarks: list[str] = []
    for sample in samples:
        if sample.server != server or sample.scenario != scenario:
            continue
        if sample.report is None:
            remarks.append(f"failed: {sample.failure}")
            continue
        lost = lost_percent(sample.report)
        if metric.lossless and lost > 0:
            remarks.append(f"lost {number(lost)} %")
            continue
        value = metric.value(sample.report)
        if value is None:
            remarks.append("no step passed")
            continue
        values.append(value)
        if metric.rate and generator_share(sample.report, scenario) > GENERATOR_LIMIT:
            remarks.append("generator at its limit")
    return Cell(tuple(values), tuple(dict.fromkeys(remarks)))


def lost_percent(report: dict[str, Any]) -> float:
    phases = report.get("phases", [])
    if not phases or report.get("sustained_rate") is not None:
        return 0.0
    phase = phases[0]
    return 100.0 * float(phase["lost"]) / max(float(phase["expected"]), 1.0)


def generator_share(report: dict[str, Any], scenario: Scenario) -> float:
    phases = report.get("phases", [])
    passed = report.get("sustained_rate")
    if passed is not None:
        phases = [phase for phase in phases if phase["rate"] == passed]
    if not phases or "idle" in scenario.name:
        return 0.0
    return float(phases[0]["generator_cpu_s"]) / max(float(phases[0]["seconds"]), 1e-9)


def others_share(samples: list[Sample]) -> float:
    """Median over all runs of what the rest of the machine used, in cores."""
    shares = []
    for sample in samples:
        for phase in (sample.report or {}).get("phases", []):
            shares.append(float(phase["others_busy_s"]) / max(float(phase["seconds"]), 1e-9))
    return median(shares) if shares else 0.0


def reference(
    samples: list[Sample], servers: list[Server], family: str, scenario: Scenario, metric: Metric
) -> float | None:
    """The best median of a family's deployments."""
    medians = [
        found
        for server in servers
        if server.family == family
        and (found := cell(samples, server, scenario, metric).median) is not None
    ]
    if not medians:
        return None
    return max(medians) if metric.better == "more" else min(medians)


def ratio(value: float | None, against: float | None, metric: Metric) -> str:
    """How many times better; below 1 is worse."""
    if value is None or against is None or value <= 0 or against <= 0:
        return "-"
    times = value / against if metric.better == "more" else against / value
    return f"{times:.3g}x"


def number(value: float) -> str:
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def summary(samples: list[Sample], servers: list[Server], scenarios: list[Scenario]) -> list[str]:
    shown = [s for s in servers if s.family == "MsGalaxy"]
    heads = [f"{s.label}{' (log in the path)' if s.durable else ''}" for s in shown]
    header = ["", FLASK, NODE]
    for head in heads:
        header += [head, f"x {FLASK}", f"x {NODE}"]
    lines = [row(header), row(["---"] * len(header))]
    for scenario in scenarios:
        for metric in scenario.metrics:
            flask = reference(samples, servers, FLASK, scenario, metric)
            node = reference(samples, servers, NODE, scenario, metric)
            columns = [f"{scenario.title}: {metric.heading}"]
            columns += ["-" if r is None else number(r) for r in (flask, node)]
            for server in shown:
                value = cell(samples, server, scenario, metric).median
                columns.append("-" if value is None else number(value))
                columns += [ratio(value, r, metric) for r in (flask, node)]
            lines.append(row(columns))
    return lines


def details(samples: list[Sample], servers: list[Server], scenario: Scenario) -> list[str]:
    header = ["server", "log in the path"]
    for metric in scenario.metrics:
        header += [metric.heading, f"x {FLASK} / x {NODE}"]
    lines = [f"### {scenario.title}", "", row(header), row(["---"] * len(header))]
    for server in servers:
        if not any(s.server == server and s.scenario == scenario for s in samples):
            continue
        columns = [server.label, "yes" if server.durable else "no"]
        for metric in scenario.metrics:
            found = cell(samples, server, scenario, metric)
            against = [
                ratio(found.median, reference(samples, servers, family, scenario, metric), metric)
                for family in (FLASK, NODE)
            ]
            columns += [found.text(), " / ".join(against)]
        lines.append(row(columns))
    return [*lines, ""]


def row(columns: list[str]) -> str:
    # A failure's text may hold what Markdown would take for a new column.
    return "| " + " | ".join(column.replace("|", "/") for column in columns) + " |"
