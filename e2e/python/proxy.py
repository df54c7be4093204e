"""The real nginx with the configuration that deploy/ has, on ports of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness import PATIENCE_S, ROOT, until

CONFIGURATION = ROOT / "deploy" / "nginx.conf"

AROUND = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log notice;
{user}
events {{
    worker_connections 512;
}}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    include {directory}/msgalaxy.conf;
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Proxy:
    """nginx before the servers on these ports: at `/` on one port, below a path on another."""

    def __init__(self, directory: Path, servers: Sequence[int]) -> None:
        at_root, below_path = free_port(), free_port()
        self.urls = {
            "root": f"http://127.0.0.1:{at_root}",
            "path": f"http://127.0.0.1:{below_path}/msgalaxy",
        }
        self._log = directory / "error.log"
        text, listening = re.subn(
            r"^( *listen) 80;", r"\1 127.0.0.1:PORT;", CONFIGURATION.read_text("utf-8"), flags=re.M
        )
        assert listening == 2
        for port in (at_root, below_path):
            text = text.replace("127.0.0.1:PORT", f"127.0.0.1:{port}", 1)
        upstream = "    server 127.0.0.1:5000;\n"
        assert text.count(upstream) == 1
        text = text.replace(
            upstream, "".join(f"    server 127.0.0.1:{port};\n" for port in servers)
        )
        (directory / "msgalaxy.conf").write_text(text, "utf-8")
        # As root it would serve as somebody who may not write here.
        user = "user root;" if os.getuid() == 0 else ""
        main = directory / "nginx.conf"
        main.write_text(AROUND.format(directory=directory, user=user), "utf-8")
        program = subprocess.run(
            [ROOT / "scripts" / "nginx"], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._process = subprocess.Popen(
            [program, "-p", directory, "-c", main, "-e", self._log], stdin=subprocess.DEVNULL
        )
        until(lambda: self._is_listening(at_root), "nginx listening")

    def _is_listening(self, port: int) -> bool:
        assert self._process.poll() is None, self.log()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
