"""What deploy/ says holds for the real program, as far as that shows without systemd and Docker."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import yaml
from proxy import free_port

from harness import PATIENCE_S, ROOT, Server

DEPLOY = ROOT / "deploy"
#: The default of limits.shutdown_s, and what deploy/msgalaxy.toml sets it to.
SHUTDOWN_S = 10


def test_the_settings_for_a_service_are_taken(tmp_path: Path) -> None:
    settings = DEPLOY / "msgalaxy.toml"
    assert f"shutdown_s = {SHUTDOWN_S}" in settings.read_text("utf-8")
    server = Server(tmp_path, options=["--config", settings]).start()
    assert server.stop() == 0
    assert server.log().count("WARN") == 0


def test_whoever_stops_a_server_waits_longer_than_it_takes_to_end() -> None:
    unit = (DEPLOY / "msgalaxy.service").read_text("utf-8")
    timeout = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)
    assert timeout
    assert int(timeout[1]) > SHUTDOWN_S
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]["msgalaxy"]
    assert int(service["stop_grace_period"].removesuffix("s")) > SHUTDOWN_S
    # It asks nobody who they are.
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_health_check_of_the_image_tells_a_server_from_none(server: Server) -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    check = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.M)
    assert check
    assert "127.0.0.1/5000" in check[1]

    def status(port: int) -> int:
        command = json.loads(check[1].replace("127.0.0.1/5000", f"127.0.0.1/{port}"))
        return subprocess.run(
            command, capture_output=True, timeout=PATIENCE_S, check=False
        ).returncode

    assert status(server.port) == 0
    assert status(free_port()) != 0


def test_all_that_the_image_is_built_from_is_there_and_passed_to_the_build() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    passed = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    roots = [line.removeprefix("!") for line in passed if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)
    sources = [source for line in copied for source in line.split()]
    assert len(sources) > 10
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == root or source.startswith(f"{root}/") for root in roots), source
