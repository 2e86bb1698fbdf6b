"""Some of each kind of fault; ``python -m tests.faults`` tries many."""

from pathlib import Path

import pytest

from tests.faults.__main__ import stages_of
from tests.faults.failing_calls import failing_calls
from tests.faults.flips import flips
from tests.faults.kills import kills
from tests.faults.stand import Stand
from tests.project import Project


def test_damaged_files_are_refused_by_name(asked: Project, tmp_path: Path) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    assert [of for of in flips(project, asked.root, 40, seed=0) if of[2]] == []


def test_a_call_that_fails_is_one_line_and_leaves_nothing(asked: Project, tmp_path: Path) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    assert [of for of in failing_calls(project, stages_of(project), 20, seed=0) if of[2]] == []


@pytest.mark.slow
def test_killed_stages_leave_nothing_and_the_next_run_is_as_ever(tmp_path: Path) -> None:
    assert [of for of in kills(Stand(tmp_path), 26, seed=0) if of[2]] == []
