"""A stage as a process: error lines, exit codes, signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.artifacts import ROOM_OR_ACCESS
from tests.sources import ROOT

VALID = ", ".join(name for name in plugins.names("datasets") if name != plugins.CUSTOM)


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``main`` of ``code`` as a stage."""
    program = f"from pipeline.terminal.running import run\n{code}\nrun(main)"
    settings = os.environ | environment
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=settings, check=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("InputError", 2),
        ("ParamsError", 2),
        ("MachineError", 3),
        ("BusyError", 4),
        ("DivergedError", 5),
        ("IntegrityError", 6),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_its_exit_code(error: str, code: int) -> None:
    done = run(f"from pipeline.errors import {error}\ndef main(): raise {error}('file: what. Fix: how')")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "pmtrec: error: file: what. Fix: how\n")


def test_a_defect_is_said_to_be_one() -> None:
    done = run("def main(): raise ValueError('no')")
    assert done.returncode == 70
    assert done.stderr == (
        "pmtrec: error: ValueError: no: this is a bug in pmtrec. Fix: set PMTREC_DEBUG=1, run again and report what it prints\n"
    )


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_a_full_disk_outside_of_an_output_is_the_machines_fault() -> None:
    done = run("def main(): open('/dev/full', 'w', buffering=1).write('x' * 10000 + chr(10))")
    assert (done.returncode, done.stderr) == (
        3,
        f"pmtrec: error: a temporary file: No space left on device. Fix: {ROOM_OR_ACCESS}\n",
    )


def test_debug_shows_the_traceback() -> None:
    done = run("def main(): raise ValueError('no')", PMTREC_DEBUG="1")
    assert "Traceback (most recent call last)" in done.stderr


def test_success_is_zero() -> None:
    assert run("def main(): pass").returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_stage_and_removes_its_partial_output(tmp_path: Path, number: signal.Signals, code: int) -> None:
    program = f"""
import pathlib, signal, time
from pipeline.artifacts import new_folder
from pipeline.terminal.running import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell switches off for what it runs in the background
def main():
    with new_folder(pathlib.Path({str(tmp_path / "out")!r})) as out:
        (out / "half").touch()
        time.sleep(60)
run(main)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / ".out.partial/half").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, stderr = process.communicate()
    assert (process.returncode, stderr) == (code, "")
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "\n- demo\n",
            "\n- demmo\n",
            f"datasets: there is no 'demmo'. Fix: write 'demo' (valid: {VALID})",
        ),
        ("  lr:  #", "  lr: fast  #", "train.lr: must be a valid number (found 'fast'). Fix: change it"),
    ],
)
def test_bad_params_are_refused_by_the_first_stage(tmp_path: Path, old: str, new: str, line: str) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text().replace(old, new))
    command = [sys.executable, "-m", "stages.check", "--params", str(params), "--out", str(tmp_path / "out/checked")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"pmtrec: error: {params}: {line}\n")
    assert not (tmp_path / "out").exists()
