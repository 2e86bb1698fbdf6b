"""Some of each kind of fault; ``python -m tests.faults`` tries many."""

from pathlib import Path

import pytest

from tests.faults.__main__ import stages_of
from tests.faults.dvc_kills import dvc_kills
from tests.faults.failing_calls import failing_calls
from tests.faults.flips import flips
from tests.faults.kills import kills
from tests.faults.machines import can_mount, machines
from tests.faults.pairs import pairs
from tests.faults.rig import Rig
from tests.faults.states import states
from tests.project import Project


def test_damaged_files_are_refused_by_name(asked: Project, tmp_path: Path) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    assert [of for of in flips(project, asked.root, 40, seed=0) if of[2]] == []


def test_a_call_that_fails_is_one_line_and_leaves_nothing(asked: Project, tmp_path: Path) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    assert [of for of in failing_calls(project, stages_of(project), 20, seed=0) if of[2]] == []


def test_damaged_state_is_refused_or_left_out(tmp_path: Path) -> None:
    in_this_process = ("checkpoints", "journals", "dvc.lock", "params.yaml")
    assert [of for of in states(tmp_path, 40, seed=0, kinds=in_this_process) if of[2]] == []


@pytest.mark.slow
def test_killed_stages_leave_nothing_and_the_next_run_is_as_ever(tmp_path: Path) -> None:
    assert [of for of in kills(Rig(tmp_path), 26, seed=0) if of[2]] == []


@pytest.mark.slow
def test_two_at_once_leave_what_one_leaves(tmp_path: Path) -> None:
    assert [of for of in pairs(Rig(tmp_path), 14, seed=0) if of[2]] == []


@pytest.mark.slow
def test_a_killed_dvc_leaves_no_stage_and_the_next_one_is_as_ever(tmp_path: Path) -> None:
    assert [of for of in dvc_kills(tmp_path, 4, seed=0) if of[2]] == []


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="file systems are mounted, which this user may not: unshare -rm pytest ...")
def test_a_machine_that_lacks_something_is_one_line(tmp_path: Path) -> None:
    assert [of for of in machines(tmp_path, 28, seed=0) if of[2]] == []
