"""Servers that do everything but what they should: none holds a training for long, and all is sent later."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.tracking import live_run
from pipeline.tracking.journal import read_entries
from pipeline.tracking.live_run import LiveRun
from pipeline.tracking.provenance import Training
from pipeline.tracking.sending import send_left_behind
from pipeline.tracking.store import connect
from tests.tracking.seen import epochs, history, journals, runs


@contextmanager
def scripted(answer: str) -> Iterator[str]:
    """The address of a server that does one thing with every connection."""
    stop = threading.Event()

    def serve(one: socket.socket) -> None:
        with one:
            one.settimeout(0.2)
            try:
                one.recv(65536)
                if answer == "close":
                    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhal")
                elif answer in ("hang", "drip"):
                    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" if answer == "drip" else b"")
                    while not stop.wait(0.05):
                        one.sendall(b" " if answer == "drip" else b"")
                else:
                    status, _, body = answer.partition(" ")
                    one.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while not stop.is_set():
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(one,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "answer", ["hang", "drip", "close", "500 oops", "503 later", "401 who", "200 <html>hello</html>", "200 {}"]
)
def test_no_server_holds_a_training(
    training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    monkeypatch.setattr(live_run, "_SECONDS_AT_AN_END", 0.6)
    monkeypatch.setattr(live_run, "_SECONDS_OF_AN_EPOCH", 0.1)
    monkeypatch.setattr(live_run, "_SECONDS_BETWEEN_CALLS", 0.0)
    monkeypatch.setattr(live_run, "_SECONDS_BETWEEN_TRIES", 0.0)
    monkeypatch.setattr(live_run, "_TIMES_ITS_LENGTH", 0.0)
    import mlflow  # noqa: F401  # takes seconds, which are not the server's

    with scripted(answer) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        start = time.monotonic()
        run = LiveRun(training)
        epochs(run, 1, 5)
        run.end("FINISHED")
        assert time.monotonic() - start < 6, "0.6 s at each end, 0.1 s for each epoch, and what the machine takes"
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1, warnings
    assert "\n" not in warnings[0]
    (journal,) = journals(training)
    del run
    assert [entry["what"] for entry in read_entries(journal)] == ["begun", *["epochs"] * 5, "ended"]
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert send_left_behind(connect()) == 1
    assert [len(history(found)) for found in runs()] == [5]
