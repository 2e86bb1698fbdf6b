"""Servers of ours as processes, and clients for them."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sources import ROOT

__all__ = ["BROWSER", "answers", "ask", "dom", "free_port", "picture", "serving"]

BROWSER = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).is_file()), None)
"""A headless browser, where there is one."""

_STARTS_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def serving(
    command: Sequence[str], folder: Path, port: int, path: str = "/health", **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """A server that answers; it is told to end afterwards."""
    bin_folder = str(Path(sys.executable).parent)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", **environment}
    log = folder / f"server-{port}.log"
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=env, stdout=file, stderr=file, text=True)
    try:
        answers(port, path, process, log)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int, path: str = "/health", process: "subprocess.Popen[str] | None" = None, log: Path | None = None) -> None:
    """Wait until a server answers; what it has logged is shown if it ends, or takes too long."""
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            if ask(port, "GET", path)[0] == 200:
                return
        except OSError:
            pass
        said = log.read_text() if log else ""
        assert process is None or process.poll() is None, said
        assert time.monotonic() < until, said
        time.sleep(0.1)


def ask(port: int, method: str, path: str, body: Any = None, timeout: float = 30.0) -> tuple[int, Any]:
    """Status and content: of JSON, which must have no NaN; else the text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if not text.strip() or "json" not in (answer.getheader("Content-Type") or ""):
        return answer.status, text
    return answer.status, json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def dom(address: str, profile: Path) -> str:
    """What a browser makes of a page, its scripts run."""
    return _browser(address, profile, "--dump-dom")


def picture(address: str, profile: Path, path: Path, size: str = "1400,1000") -> None:
    """A screenshot."""
    _browser(address, profile, f"--window-size={size}", f"--screenshot={path}")


def _browser(address: str, profile: Path, *options: str) -> str:
    settings = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    command = [str(BROWSER), *settings, f"--user-data-dir={profile}", "--virtual-time-budget=20000", *options, address]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return re.sub(r"\s+", " ", done.stdout)
