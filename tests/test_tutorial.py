"""The tutorials and how-tos that are typed: from the built wheel to a served model, and experiments with DVC."""

from pathlib import Path

import pytest

from tests.tutorial import EXPERIMENTS, PAGE, same, typed, wheel


@pytest.mark.slow
@pytest.mark.parametrize("page", [PAGE, EXPERIMENTS], ids=lambda page: page.stem)
def test_what_a_page_shows_is_what_comes(page: Path, tmp_path: Path) -> None:
    n = 0
    for command, shown, came in typed(page, tmp_path, wheel(tmp_path)):
        n += 1
        assert same(shown, came), f"{command}\n{came}"
    assert n > 8


def test_numbers_and_columns_may_differ_words_may_not() -> None:
    assert same("a ┃ 0.12 ┃\n", "a  ┃ 0.345 ┃\n")
    assert same("pmtrec has 0.1", "ials_attributes has 0.2")
    assert not same("a leads", "a follows")


def test_the_wheel_has_what_a_project_begins_with(tmp_path: Path) -> None:
    installed = wheel(tmp_path)
    for name in (
        "pipeline/config/defaults.yaml",
        "pipeline/commands/project/pipeline.yaml",
        "pipeline/commands/project/settings.yaml",
        "pipeline/reports/vega/curves.json",
        "pipeline/reports/vega/page.html",
        "pipeline/serving/static/index.html",
        "stages/check.py",
    ):
        assert (installed / name).read_text(), name
