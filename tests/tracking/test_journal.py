"""What MLflow has missed is sent later: all of it, in order, once."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import MachineError
from pipeline.tracking import live_run
from pipeline.tracking.journal import Entry, Journal, left_behind, read_entries
from pipeline.tracking.live_run import LiveRun
from pipeline.tracking.provenance import Training
from pipeline.tracking.run import create_run
from pipeline.tracking.sending import Sender, send_left_behind
from pipeline.tracking.store import connect
from tests.sources import ROOT
from tests.tracking.seen import epochs, history, journals, runs

DEAD = "http://127.0.0.1:9"


def test_with_mlflow_there_nothing_stays_behind(training: Training) -> None:
    run = LiveRun(training)
    epochs(run, 1, 3)
    run.end("FINISHED")
    (found,) = runs()
    assert found.info.status == "FINISHED"
    assert history(found) == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert journals(training) == []


def test_what_a_dead_server_has_missed_is_sent_later_once(
    training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    began = time.time_ns() // 10**6
    run = LiveRun(training)
    epochs(run, 1, 50)
    run.end("FINISHED")
    ended = time.time_ns() // 10**6
    del run
    assert caplog.text.count("mlflow: ") == 1, "one warning"
    assert len(journals(training)) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    time.sleep(0.05)
    assert send_left_behind(connect()) == 1
    assert send_left_behind(connect()) == 0
    (found,) = runs()
    assert history(found) == [(number, 1 / number) for number in range(1, 51)]
    assert began <= found.info.start_time <= found.info.end_time <= ended, "the times are those of the training"
    assert found.data.params["lr"] == "0.1"
    assert found.data.metrics["best/epoch"] == 50


def test_an_outage_in_the_middle_leaves_no_gap(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run, "_SECONDS_BETWEEN_CALLS", 0.0)
    monkeypatch.setattr(live_run, "_SECONDS_BETWEEN_TRIES", 0.0)
    run, send, is_down = LiveRun(training), Sender.send, False

    def sometimes(sender: Sender, entry: dict[str, Any]) -> None:
        send(sender, entry)
        if is_down:  # after MLflow has taken it, which nobody then knows
            raise ConnectionError("reset by peer")

    monkeypatch.setattr(Sender, "send", sometimes)
    epochs(run, 1, 3)
    is_down = True
    epochs(run, 4, 6)
    is_down = False
    epochs(run, 7, 9)
    run.end("FINISHED")
    (found,) = runs()
    assert history(found) == [(number, 1 / number) for number in range(1, 10)]
    assert journals(training) == []


KILLED = """
import os, sys
from pathlib import Path
from pipeline.tracking.provenance import Training
from pipeline.tracking.live_run import LiveRun
root = Path(sys.argv[1])
run = LiveRun(Training("demo", "pmtrec", 0, {}, {name: root / name for name in ("processed", "tasks")}, root / "model"))
for number in range(1, 26):
    run.log_epoch({"epoch": number, "train/loss": 1 / number})
os.kill(os.getpid(), 9)
"""


def test_a_run_that_was_killed_is_ended_by_the_next_with_all_it_had_said(training: Training, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [run.info.status for run in runs()] == ["RUNNING"]
    run = LiveRun(training)
    run.end("FINISHED")
    killed, finished = runs()
    assert (killed.info.status, finished.info.status) == ("KILLED", "FINISHED")
    assert [step for step, _ in history(killed)] == list(range(1, 21)), "every twenty epochs, or two seconds"
    assert killed.info.end_time >= killed.info.start_time


def test_a_journal_that_is_written_or_sent_is_left_alone(training: Training) -> None:
    seen: list[tuple[str, int]] = []

    def send(*, is_taken: bool) -> Callable[[str, list[Entry]], bool]:
        def take(name: str, entries: list[Entry]) -> bool:
            seen.append((name, len(entries)))
            assert left_behind(send(is_taken=True)) == 0, "another finds it locked"
            assert len(journals(training)) == 1
            return is_taken

        return take

    journal = Journal()
    journal.append({"what": "begun"})
    assert left_behind(send(is_taken=True)) == 0
    journal.close(is_sent=False)
    assert left_behind(send(is_taken=False)) == 0
    assert len(journals(training)) == 1, "what could not be sent stays"
    assert left_behind(send(is_taken=True)) == 1
    assert seen == [(journal.name, 1)] * 2
    assert journals(training) == []


def test_one_that_fails_does_not_stop_the_others(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    for _ in range(3):
        run = LiveRun(training)
        epochs(run, 1, 2)
        run.end("FAILED")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    create = create_run
    calls: list[Any] = []

    def sometimes(*arguments: Any) -> str:
        calls.append(arguments)
        if len(calls) == 1:
            journals(training)[-1].unlink()  # as another sender would
            raise ValueError("no such tag")
        return create(*arguments)

    monkeypatch.setattr("pipeline.tracking.sending.create_run", sometimes)
    with pytest.raises(MachineError, match=r"^mlflow: 1 run\(s\) could not be sent, the first is \d+-\w+: no such tag\. Fix: "):
        send_left_behind(connect())
    assert len(runs()) == 1
    assert len(journals(training)) == 1


def test_a_journal_without_its_beginning_is_moved_aside(training: Training, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    journal.append({"what": "begun"})
    journal.append({"what": "ended"})
    journal.close(is_sent=False)
    (path,) = journals(training)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert left_behind(lambda *_: True) == 0
    assert [path.name for path in journals(training)] == [f"{journal.name}.jsonl.damaged"]
    assert "its beginning was damaged" in caplog.text


def test_a_run_that_is_in_another_store_waits_for_that_store(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    run = LiveRun(training)
    with monkeypatch.context() as gone:
        gone.setattr(Sender, "send", fail)
        run.end("FAILED")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert send_left_behind(connect()) == 0
    assert len(journals(training)) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert send_left_behind(connect()) == 1
    assert [run.info.status for run in runs()] == ["FAILED"]


def test_a_journal_that_cannot_be_written_does_not_hold_up_the_sending(
    training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    run = LiveRun(training)
    epochs(run, 1, 50)
    run.end("FINISHED")
    (found,) = runs()
    assert found.info.status == "FINISHED"
    assert len(history(found)) == 50
    assert [record.getMessage().count("No space left") for record in caplog.records] == [1]


@pytest.mark.parametrize("what", ["pathlib.Path.mkdir", "fcntl.flock", "pipeline.tracking.live_run.dvc_hash"])
def test_a_disk_that_fails_stops_no_training(
    training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(what, fail)
        run = LiveRun(training)
        epochs(run, 1, 3)
        run.end("FINISHED")
    assert [record.getMessage().count("Input/output error") for record in caplog.records] == [1]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_that_was_cut_short_never_happened(training: Training, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    for number in range(3):
        journal.append({"what": "epochs", "number": number, "padding": "x" * 30})
    journal.close(is_sent=False)
    (path,) = journals(training)
    path.write_bytes(path.read_bytes()[:-cut])
    assert [entry["number"] for entry in read_entries(path)] == [0, 1, *([2] if cut == 1 else [])]
    assert caplog.text == ""


def test_a_damaged_line_is_said_and_left_out(training: Training, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    for number in range(3):
        journal.append({"number": number})
    journal.close(is_sent=False)
    (path,) = journals(training)
    content = bytearray(path.read_bytes())
    content[content.index(b"\n") + 20] ^= 1
    path.write_bytes(content)
    assert [entry["number"] for entry in read_entries(path)] == [0, 2]
    assert "line 2 was damaged" in caplog.text
