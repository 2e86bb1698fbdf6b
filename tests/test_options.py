from pathlib import Path

import pytest

from pipeline.errors import ParamsError
from pipeline.options import check_all_options, described, method_of, settings
from pipeline.params import read_params

OURS = Path(__file__).parent.parent / "params.yaml"
PARAMS = read_params(OURS)


def test_a_method_is_the_rule_of_its_name_with_all_its_options() -> None:
    method = method_of(OURS, PARAMS, "metabalance")
    assert method.rule == "metabalance"
    assert method.options == {"granularity": "table", "strategy": "both", "relax": 0.7, "decay": 0.9}


def test_a_method_that_is_like_another_has_its_rule_and_its_options_but_for_those_that_it_changes() -> None:
    whole, part = (method_of(OURS, PARAMS, name) for name in ("pmtrec", "pmtrec_without_focus"))
    assert part.rule == "pmtrec"
    assert part.options == whole.options | {"focus": "none"}


def test_like_goes_on() -> None:
    """cosine_gating_hard_entity is like cosine_gating_hard, which is like cosine_gating."""
    method = method_of(OURS, PARAMS, "cosine_gating_hard_entity")
    assert (method.rule, method.options) == ("cosine_gating", {"granularity": "entity", "hard": True})


def test_every_section_of_our_params_can_be_built(tmp_path: Path) -> None:
    names = "".join(f"  - {name}\n" for name in PARAMS.combiners)
    path = tmp_path / "params.yaml"
    path.write_text(OURS.read_text().replace("  - single_task\n  - equal_weights\n  - pmtrec\n", names))
    params = read_params(path)
    check_all_options(path, params)
    assert list(params.methods) == list(PARAMS.combiners)


def test_a_pmtrec_section_that_is_left_empty_is_ours() -> None:
    """The defaults of the rule and what params.yaml says are the same."""
    empty = PARAMS.model_copy(update={"combiners": {"pmtrec": {}}})
    assert method_of(OURS, empty, "pmtrec") == method_of(OURS, PARAMS, "pmtrec")


def test_settings_are_all_that_decides_a_training() -> None:
    found = settings(OURS, PARAMS, "demo", "pmtrec_softmax")
    assert found["rule"]["name"] == "pmtrec"
    assert found["rule"]["options"]["weights"] == "softmax"
    assert (found["encoder"]["name"], found["loss"]["name"]) == (PARAMS.train.encoder, PARAMS.train.loss)
    assert found["train"] == PARAMS.train.model_dump(mode="json")
    assert {"combiners/pmtrec.py", "encoders/mf.py", f"losses/{PARAMS.train.loss}.py"} <= set(found["sources"])
    paths = described(found)
    assert (paths["rule.name"], paths["rule.weights"], paths["train.lr"]) == ("pmtrec", "softmax", PARAMS.train.lr)


def test_settings_of_a_baseline_have_nothing_that_it_does_not_use() -> None:
    assert set(settings(OURS, PARAMS, "demo", "ease")) == {"rule", "preprocess", "sources"}


def test_a_wrong_option_in_an_override_says_whose_it_is() -> None:
    params = PARAMS.with_changes("yelp", "pmtrec", {"combiners": {"pmtrec": {"focus_end": 2}}})
    with pytest.raises(ParamsError, match=r"combiners.pmtrec.focus_end must be in .* \(of yelp/pmtrec, by what overrides"):
        settings(OURS, params, "yelp", "pmtrec")
    settings(OURS, params, "yelp", "single_task")
