"""Compares realtime servers: `python -m harness --rounds 3 --only node,msgalaxy --quick`."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from harness import machine, scenarios, servers
from harness.measure import Cores, Failed, measure
from harness.scenarios import Scenario
from harness.servers import Server
from harness.table import Sample, details, others_share, summary

# 5,000 connections on each side, and room for the rest.
NEEDED_DESCRIPTORS = 8192
# What else ran, in cores, from which on the numbers say little.
BUSY_MACHINE = 0.1
MEANINGFUL_ROUNDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="servers by the beginning of their names")
    parser.add_argument("--scenarios", default="", help="names of scenarios; all without")
    parser.add_argument("--quick", action="store_true", help="smaller runs, to try the harness")
    parser.add_argument("--out", type=Path, required=True, help="directory for the results")
    asked = parser.parse_args()
    try:
        chosen = servers.chosen(asked.only)
        wanted = scenarios.chosen(asked.scenarios)
        raise_descriptor_limit()
    except ValueError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2

    cores = Cores.of_this_machine()
    started, load_before = datetime.now(timezone.utc), machine.load_average()
    samples = run_all(chosen, wanted, asked.rounds, asked.quick, cores)
    lines = [
        f"# Realtime servers compared, {started:%Y-%m-%d}",
        "",
        *(f"- {line}" for line in machine.description(cores)),
        f"- rounds: {asked.rounds}, all servers in turn, order reversed every other round; "
        f"began {started:%H:%M} UTC",
        f"- load average {load_before:.1f} before, {machine.load_average():.1f} after; "
        f"other work took {others_share(samples):.2f} cores in the median run",
        "",
    ]
    if asked.quick:
        lines += ["**Quick settings**: fewer connections and events than the titles say.", ""]
    if others_share(samples) > BUSY_MACHINE or asked.rounds < MEANINGFUL_ROUNDS:
        lines += [
            "**Preliminary**: the machine was busy with other work or the rounds were few.",
            "",
        ]
    lines += [
        "Median (lowest - highest). Ratios say how many times better, against the best deployment "
        "of Flask-SocketIO and against Node.",
        "",
    ]
    lines += [*summary(samples, chosen, wanted), ""]
    for scenario in wanted:
        lines += details(samples, chosen, scenario)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "results.md").write_text("\n".join(lines).rstrip() + "\n")
    (asked.out / "samples.json").write_text(json.dumps([raw(s) for s in samples], indent=1))
    print("\n".join(lines))
    return 0


def run_all(
    chosen: list[Server], wanted: list[Scenario], rounds: int, quick: bool, cores: Cores
) -> list[Sample]:
    samples: list[Sample] = []
    for turn in range(rounds):
        for scenario in wanted:
            for server in order(chosen, turn):
                if not server.takes_part(scenario.name, scenario.append):
                    continue
                began = time.monotonic()
                sample = attempt(server, scenario, quick, cores)
                samples.append(sample)
                took = time.monotonic() - began
                outcome = sample.failure or "measured"
                progress = f"round {turn + 1}/{rounds} {scenario.name} {server.name}"
                print(f"{progress}: {outcome} ({took:.0f} s)", file=sys.stderr, flush=True)
    return samples


def order(chosen: list[Server], turn: int) -> list[Server]:
    """Forward and backward by turns, so that nobody always comes first."""
    return chosen if turn % 2 == 0 else chosen[::-1]


def attempt(server: Server, scenario: Scenario, quick: bool, cores: Cores) -> Sample:
    try:
        return Sample(server, scenario, measure(server, scenario, quick, cores))
    except Failed as failure:
        return Sample(server, scenario, None, str(failure))
    except OSError as error:
        return Sample(server, scenario, None, f"cannot be started: {error.strerror}")


def raw(sample: Sample) -> dict[str, object]:
    return {
        "server": sample.server.name,
        "scenario": sample.scenario.name,
        "failure": sample.failure,
        "report": sample.report,
    }


def raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED_DESCRIPTORS:
        raise ValueError(
            f"this session may open {hard} files; {NEEDED_DESCRIPTORS} are needed (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
