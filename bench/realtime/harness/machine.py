"""What a reader has to know about where the numbers come from."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from harness.measure import Cores
from harness.servers import HERE, PREPARED, ROOT


def description(cores: Cores) -> list[str]:
    """Lines without host names or paths."""
    model = re.search(r"^model name\s*:\s*(.+)$", read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", read("/proc/meminfo"), re.MULTILINE)
    gib = int(memory.group(1)) / 1024**2 if memory else 0.0
    pinning = (
        "server and load generator share the cores (no pinning on this machine)"
        if cores.server is None
        else "server pinned to one core, load generator to another"
    )
    python = first_line(str(PREPARED / "venv-flask" / "bin" / "python"), "--version")
    languages = (
        *(
            first_line("rustc", "--version").split(" (")[0],
            f"Node {first_line('node', '--version')}",
        ),
        python,
    )
    return [
        f"{os.cpu_count()} cores, {model.group(1) if model else platform.machine()}, {gib:.0f} GiB",
        # What a distributor appends to the version may name a machine.
        f"{platform.system()} {platform.release().split('-')[0]}, loopback; {pinning}",
        f"{', '.join(languages)}",
        f"Versions: {', '.join(versions())}",
        f"MsGalaxy at {first_line('git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD')}",
    ]


def versions() -> list[str]:
    """What is pinned in the peers' own lists."""
    found = []
    for name in ("flask", "asyncio"):
        pinned = (HERE / "peers" / "python" / f"requirements-{name}.txt").read_text()
        found += [line.replace("==", " ") for line in pinned.splitlines() if "==" in line]
    node = re.search(r'"socket.io": "([^"]+)"', (HERE / "peers/node/package.json").read_text())
    found.append(f"socket.io (Node) {node.group(1) if node else '?'}")
    rust = re.search(r'socketioxide = "=([^"]+)"', (HERE / "Cargo.toml").read_text())
    found.append(f"socketioxide {rust.group(1) if rust else '?'}")
    return sorted(set(found), key=str.lower)


def load_average() -> float:
    return os.getloadavg()[0]


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return "unknown"
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
