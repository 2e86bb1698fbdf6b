"""The section `solvers` of params.yaml."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from pipeline.config.arguments import training
from pipeline.config.checked import checked_files
from pipeline.config.run_config import read_config
from pipeline.config.search import space_of, start_values
from pipeline.errors import ParamsError
from pipeline.search_space import Range
from tests.sources import ROOT
from tests.whole_params import whole_params

OURS = ROOT / "params.yaml"


def changed(folder: Path, **changes: str) -> Path:
    text = whole_params()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return folder / "params.yaml"


def arguments(path: Path, method: str, dataset: str = "demo") -> dict[str, Any]:
    found: dict[str, Any] = training(read_config(path), dataset, method)
    return found


def test_a_solver_takes_the_weights_of_the_rule_that_it_names_and_of_train_the_machine_alone() -> None:
    found = arguments(OURS, "ials_collective")
    assert found["kind"] == "solvers"
    assert set(found["arguments"]) == {"solver", "rule", "device", "threads"}
    assert found["arguments"]["rule"] == ("static_weights", {"main": 1.0, "side": 0.3, "by_task": {}})
    assert found["plug_ins"] == [("combiners", "static_weights"), ("solvers", "ials")]
    assert arguments(OURS, "ials")["arguments"]["rule"][0] == "single_task"


def test_the_rule_may_be_a_method_like_another(tmp_path: Path) -> None:
    mine = "  mine: {like: ials, rule: history_weights_reversed, dim: 8}\n"
    path = changed(tmp_path, **{"  ials_features: {": f"{mine}  ials_features: {{"})
    found = arguments(path, "mine")["arguments"]
    assert found["rule"][0] == "history_weights"
    assert found["rule"][1]["order"] == "reversed"
    assert found["solver"][1]["dim"] == 8


def test_overrides_reach_solvers_and_the_options_of_their_rules(tmp_path: Path) -> None:
    own = "methods: {ials_collective: {solvers: {ials_collective: {dim: 4}}, combiners: {static_weights: {side: 0.7}}}}"
    path = changed(tmp_path, **{"overrides: {}": f"overrides: {{office: {{{own}}}}}"})
    found = arguments(path, "ials_collective", "office")["arguments"]
    assert found["solver"][1]["dim"] == 4
    assert found["rule"][1]["side"] == 0.7
    assert arguments(path, "ials_collective")["arguments"]["solver"][1]["dim"] == 128


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rule: single_task", "rule: graddrop", "solvers.ials.rule: graddrop gives no weights >= 0 per task and row"),
        ("rule: single_task", "rule: singletask", "solvers.ials.rule: there is no 'singletask'. Fix: write 'single_task'"),
        (
            "  ials_features: {",
            "  mine: {like: ials, rule: history_weights_equal}\n  ials_features: {",
            "combiners.history_weights_equal.k must be in 1e-06..1e+09, found 0.0",
        ),
        ("rule: single_task", "rule: ease", "solvers.ials.rule: there is no 'ease'"),
        ("rule: equal_weights", "rule: single_task", "single_task uses no side tasks, so item_attributes would do nothing"),
        ("    l2: 100.0\n", "    l2: 100.0\n    rule: single_task\n", "baselines.ease.rule: unknown key"),
        ("  popularity: {}\n", "  popularity: {}\n  ials: {}\n", "baselines.ials: solvers has a method of this name"),
    ],
)
def test_a_fault_is_one_line(old: str, new: str, expected: str, tmp_path: Path) -> None:
    others = {"order: equal}": "order: equal, k: 0.0}", "\n- ials_attributes\n": "\n- mine\n"} if "mine" in new else {}
    with pytest.raises(ParamsError) as refused:
        list(checked_files(read_config(changed(tmp_path, **{old: new}, **others))))
    assert any(expected in line for line in refused.value.problems), refused.value.problems


def test_a_search_can_begin_at_the_settings_of_every_method() -> None:
    config = read_config(OURS)
    for method in config.tune.methods:
        start = start_values(config, "demo", method)
        space = space_of(config, method)
        for key, of in space.items():
            if key in start and isinstance(of, Range):
                kind = optuna.distributions.FloatDistribution(of.low, of.high, log=of.log)
                kind.to_internal_repr(start[key])
