"""Checkpoints by themselves; test_resume.py is about the trainings that go on from them."""

import os
import signal
from pathlib import Path

import pytest

from pipeline.training.checkpoint import Checkpoints


def test_a_signal_between_two_epochs_ends_the_block() -> None:
    reached = []

    def between() -> None:
        with Checkpoints(Path("unused")).deferring():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("what came after it in the block")

    with pytest.raises(KeyboardInterrupt):
        between()
    assert reached


def test_without_a_folder_there_is_nothing_to_remove() -> None:
    Checkpoints(None).remove()


def test_a_checkpoint_that_cannot_be_read_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "000003-0123456789abcdef.safetensors").mkdir()
    assert not Checkpoints(tmp_path).epochs
    assert "is not used" in caplog.text
