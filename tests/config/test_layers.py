"""What lies below params.yaml, and what wins."""

import difflib
import shutil
from pathlib import Path

import pytest

from pipeline.config.layers import defaults, write_tuned
from pipeline.config.precedence import unheard
from pipeline.config.run_config import RunConfig, read_config
from pipeline.errors import ParamsError
from pipeline.integrity import read_json
from pipeline.reports.plot_data import TEMPLATES, templates
from tests.sources import ROOT


def params(folder: Path, *changes: tuple[str, str]) -> Path:
    text = (ROOT / "params.yaml").read_text()
    for old, new in (("\n- demo\n", "\n- demo\n- lastfm\n"), *changes):
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "params.yaml").write_text(text)
    return folder / "params.yaml"


def lr(config: RunConfig, method: str = "single_task", dataset: str = "lastfm") -> float:
    return config.resolved(dataset, method).train.lr


def test_tuned_settings_win_over_defaults_and_lose_against_what_params_names(tmp_path: Path) -> None:
    path = params(tmp_path)
    config = read_config(path)
    assert lr(config) == defaults()["train"]["lr"] == 0.005
    write_tuned(config.settings_file("lastfm", "single_task"), {"train": {"lr": 0.03}}, "Found.")
    assert lr(config) == 0.03
    assert lr(config, "equal_weights") == 0.005
    assert lr(config, dataset="demo") == 0.005
    assert list(unheard(config)) == []
    named = read_config(params(tmp_path, ("  lr:  #", "  lr: 0.02  #")))
    assert lr(named) == 0.02
    assert list(unheard(named)) == [f"lastfm/single_task: train.lr is 0.02 by {path}, not 0.03 as it was tuned"]
    assert lr(read_config(params(tmp_path, ("settings: tuned", "settings:")))) == 0.005


def test_a_method_that_is_like_another_has_its_tuned_settings(tmp_path: Path) -> None:
    config = read_config(params(tmp_path))
    write_tuned(config.settings_file("lastfm", "pmtrec"), {"combiners": {"pmtrec": {"alpha": 1.05}}}, "Found.")
    assert config.resolved("lastfm", "pmtrec_global").combiners["pmtrec"]["alpha"] == 1.05
    assert config.without_tuned("lastfm", "pmtrec").resolved("lastfm", "pmtrec").combiners["pmtrec"]["alpha"] == 1.2


def test_overrides_win_over_what_stands_above_them_and_say_so(tmp_path: Path) -> None:
    own = ("overrides: {}", "overrides: {lastfm: {train: {lr: 0.1}}}")
    config = read_config(params(tmp_path, ("  lr:  #", "  lr: 0.02  #"), own))
    assert lr(config) == 0.1
    assert "lastfm/single_task: train.lr is 0.1 by the section overrides, not 0.02" in list(unheard(config))


def test_a_data_set_is_prepared_as_it_usually_is_unless_params_says_otherwise(tmp_path: Path) -> None:
    config = read_config(params(tmp_path))
    assert config.resolved("demo").preprocess.ratios == (0.4, 0.1, 0.5)
    assert (config.resolved("lastfm").preprocess.k_core, config.preprocess.k_core) == (5, 0)
    named = read_config(params(tmp_path, ("  k_core:  #", "  k_core: 3  #")))
    assert named.resolved("lastfm").preprocess.k_core == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("train: {lrr: 1}\n", "train.lrr: unknown key"),
        ("train: [1\n", ":2: not valid YAML"),
        ("train: {lr: -1}\n", "train.lr: must be greater than 0 (found -1). Fix: change it"),
        ("preprocess: {k_core: 1}\n", "preprocess: unknown key"),
    ],
)
def test_a_fault_in_a_file_of_settings_names_the_file(tmp_path: Path, text: str, line: str) -> None:
    config = read_config(params(tmp_path))
    path = config.settings_file("lastfm", "single_task")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ParamsError) as refused:
        config.resolved("lastfm", "single_task")
    assert str(path) in str(refused.value)
    assert line.removeprefix(":2") in str(refused.value)


@pytest.mark.parametrize("change", ["train.lr=0.02", "train.dim=32", "preprocess.split_seed=3", "compare.metric=ndcg@10"])
def test_an_experiment_changes_one_line(tmp_path: Path, change: str) -> None:
    """`dvc exp run -S` writes params.yaml anew by its own writer: the file is kept in the form that this writer keeps."""
    from dvc.utils.hydra import apply_overrides

    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_overrides(tmp_path / "params.yaml", [change])
    before, after = ((folder / "params.yaml").read_text().splitlines() for folder in (ROOT, tmp_path))
    changed = [line for line in difflib.ndiff(before, after) if line.startswith(("+ ", "- "))]
    assert len(changed) == 2, changed
    assert len(before) < 80


def test_the_templates_of_the_plots_are_what_the_code_says() -> None:
    """Colours of methods stand in them: written anew by `python -m tests.architecture`."""
    assert {path.stem: read_json(path) for path in TEMPLATES.glob("*.json")} == templates()
