"""`pmtrec ui`: MLflow's pages, in their light form, and the addresses to open."""

import os
import socket
import subprocess
import sys

from pipeline.errors import InputError, MachineError
from pipeline.secrets import without_secret
from pipeline.terminal.screen import say
from pipeline.tracking.completion import tracked
from pipeline.tracking.store import deep_link, experiments

__all__ = ["ui"]

_LOCAL = "127.0.0.1"


def ui(port: int) -> None:
    """Start MLflow's server on this machine until Ctrl+C; runs on another server are only linked to.

    Raises:
        InputError: If there are no runs yet.
    """
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    is_remote = server.startswith("http")
    base = server.rstrip("/") if is_remote else f"http://{_LOCAL}:{port}"
    with tracked() as client:
        found = experiments(client)
    if not found:
        raise InputError("mlflow: there are no runs yet. Fix: run dvc repro")
    for name, number in found.items():
        say(f"{name}: {deep_link(without_secret(base), number)}")
    if is_remote:
        return
    say("MLflow starts; this machine only, no password; stop it with Ctrl+C")
    command = [sys.executable, "-m", "mlflow", "server", "--host", _LOCAL, "--port", str(port), "--workers", "1"]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOCAL, port))
        except OSError as error:
            raise MachineError(f"{_LOCAL}:{port}: {error.strerror}. Fix: write another --port") from error
    # In a variable: everybody on this machine sees the options of a process.
    settings = {"MLFLOW_BACKEND_STORE_URI": server or "sqlite:///mlflow.db", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    subprocess.run(command, env=os.environ | settings, check=False)
