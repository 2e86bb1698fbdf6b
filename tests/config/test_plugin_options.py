from pathlib import Path

import pytest

from pipeline.config.arguments import training
from pipeline.config.checked import checked_files
from pipeline.config.plugin_options import method_of
from pipeline.config.run_config import read_config
from pipeline.config.trial_build import TrialBuild
from pipeline.errors import ParamsError

OURS = Path(__file__).parents[2] / "params.yaml"
CONFIG = read_config(OURS)


def test_a_method_is_the_rule_of_its_name_with_all_its_options() -> None:
    rule, options = method_of(CONFIG, "metabalance")
    assert rule == "metabalance"
    assert options == {"granularity": "table", "strategy": "both", "relax": 0.7, "decay": 0.9}


def test_a_method_that_is_like_another_has_its_rule_and_its_options_but_for_those_that_it_changes() -> None:
    (rule, whole), (same, part) = (method_of(CONFIG, name) for name in ("pmtrec", "pmtrec_without_focus"))
    assert rule == same == "pmtrec"
    assert part == whole | {"alpha": 1.0}


def test_like_goes_on() -> None:
    """cosine_gating_hard_entity is like cosine_gating_hard, which is like cosine_gating."""
    found = method_of(CONFIG, "cosine_gating_hard_entity")
    assert found == ("cosine_gating", {"granularity": "entity", "hard": True})


def test_every_section_of_our_params_can_be_built(tmp_path: Path) -> None:
    names = "".join(f"- {name}\n" for name in CONFIG.method_sections)
    path = tmp_path / "params.yaml"
    ours = "".join(f"- {name}\n" for name in CONFIG.methods)
    path.write_text(OURS.read_text().replace(ours, names))
    config = read_config(path)
    files = dict(checked_files(config))
    assert {f"demo/methods/{name}.json" for name in config.method_sections} <= set(files)


@pytest.mark.parametrize("rule", ["pmtrec", "pmtrec_inverse"])
def test_a_section_that_is_left_empty_is_ours(rule: str) -> None:
    """The defaults of the rule and what params.yaml says are the same."""
    empty = CONFIG.model_copy(update={"combiners": {**CONFIG.combiners, rule: {}}})
    empty.__dict__.pop("method_sections", None)
    assert method_of(empty, rule) == method_of(CONFIG, rule)


def test_a_training_is_all_that_decides_what_is_learned() -> None:
    found = training(CONFIG, "demo", "pmtrec_global")
    rule, options = found["arguments"]["rule"]
    assert (rule, options["granularity"]) == ("pmtrec", "global")
    assert found["arguments"]["encoder"][0] == CONFIG.train.encoder
    assert found["arguments"]["loss"][0] == CONFIG.train.loss
    assert found["arguments"]["lr"] == CONFIG.train.lr
    assert {("combiners", "pmtrec"), ("encoders", "mf"), ("losses", CONFIG.train.loss), ("optimizers", "adam")} == set(
        found["plug_ins"]
    )
    shown = found["params"]
    assert (shown["rule.name"], shown["rule.granularity"], shown["train.lr"]) == ("pmtrec", "global", CONFIG.train.lr)


def test_a_task_may_have_a_loss_of_its_own_and_other_options(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    own = "tasks: {social: {loss: bpr, options: {relation_vector: true}}, category: {options: {temperature: 0.5}}}"
    path.write_text(OURS.read_text().replace("tasks: {}", own, 1))
    found = training(read_config(path), "demo", "pmtrec")
    losses = found["arguments"]["task_losses"]
    assert losses["social"] == ("bpr", {"relation_vector": True, "reduction": "mean"})
    assert losses["category"][0] == CONFIG.train.loss
    assert losses["category"][1]["temperature"] == 0.5
    assert ("losses", "bpr") in found["plug_ins"]
    assert found["params"]["task.social.name"] == "bpr"


def test_a_baseline_knows_nothing_that_it_does_not_use() -> None:
    found = training(CONFIG, "demo", "ease")
    assert found["arguments"] == {"baseline": ("ease", {"l2": 100.0})}
    assert not any(key.startswith(("train.", "loss.")) for key in found["params"])


def test_a_wrong_option_in_an_override_says_whose_it_is() -> None:
    config = CONFIG.with_changes("yelp", "pmtrec", {"combiners": {"pmtrec": {"alpha": 0.5}}})
    with pytest.raises(ParamsError, match=r"combiners.pmtrec.alpha must be >= 1, .* \(for yelp/pmtrec, after overrides"):
        training(config, "yelp", "pmtrec", TrialBuild(config.side_tasks()))
    training(config, "yelp", "single_task", TrialBuild(config.side_tasks()))
