from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.config.run_config import read_config
from pipeline.errors import InputError, ParamsError, closest
from tests.config._params import OURS, changed, read_whole

TASKS = ", ".join(plugins.side_tasks())
METRICS = ", ".join(f"{name}@{k}" for k in (10, 20) for name in read_config(OURS).evaluate.metrics)
RULES = list(read_config(OURS).combiners)
METHODS = list(read_config(OURS).method_sections)


def listed(kind: str) -> str:
    """All names of a kind, as an error line has them."""
    return ", ".join(name for name in plugins.names(kind) if name != plugins.CUSTOM)


def test_our_own_params_are_right() -> None:
    params = read_whole(OURS)
    assert params.train.lr == 5e-3
    assert params.methods == ("single_task", "equal_weights", "pmtrec", "pmtrec_inverse", "ials_attributes")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  dim: 64 ", "  dimm: 64 ", "train.dim: missing. Fix: add it"),
        ("  lr:  #", "  lr: abc  #", "train.lr: must be a valid number (found 'abc'). Fix: change it"),
        ("  lr:  #", "  lr: .nan  #", "train.lr: must be a finite number (found nan). Fix: change it"),
        ("  lr:  #", "  lr: -1  #", "train.lr: must be greater than 0 (found -1). Fix: change it"),
        ("  lr:  #", "  lr: true  #", "train.lr: must be a valid number (found True). Fix: change it"),
        ("  dim: 64", "  dim: 64.5", "train.dim: must be a valid integer (found 64.5). Fix: change it"),
        ("  dim: 64", '  dim: "64"', "train.dim: must be a valid integer (found '64'). Fix: change it"),
        (
            "optimizer: adam ",
            "optimizer: adamw ",
            f"train.optimizer: there is no 'adamw'. Fix: write 'adam' (valid: {listed('optimizers')})",
        ),
        (
            "weight_decay: 0.0",
            "weight_decay: 200",
            "train.weight_decay: must be less than 1 / lr = 200, because a step scales a row by 1 - lr * weight_decay "
            "(found 200). Fix: change it",
        ),
        (
            "  ratios:  #",
            "  ratios: [0.8, 0.1, 0.2]  #",
            "preprocess.ratios: must be three shares > 0 that sum to 1 (train, valid, test)"
            " (found [0.8, 0.1, 0.2]). Fix: change it",
        ),
        *(
            (
                "dates:  #",
                f"dates: {dates}  #",
                "preprocess.dates: must be two dates as YYYY-MM-DD: the first day of valid and the first day of test "
                f"(found {shown}). Fix: change it",
            )
            for dates, shown in (("[a, b]", "['a', 'b']"), ("2024-05-31", "datetime.date(2024, 5, 31)"), ("[1, 2]", "[1, 2]"))
        ),
        (
            "dates:  #",
            "dates: ['2024-05-31', '2024-05-31']  #",
            "preprocess.dates: must be in ascending order: the first day of valid, then the first day of test "
            "(found ['2024-05-31', '2024-05-31']). Fix: change it",
        ),
        ("\n- 0\n", "\n- 0\n- 0\n", "seeds: must be a list without duplicates (found [0, 0]). Fix: change it"),
        (
            "\n- pmtrec\n",
            "\n- pmtrek\n",
            f"methods: there is no 'pmtrek'.{closest('pmtrek', METHODS)}",
        ),
        (
            "\n- demo\n",
            "\n- yelpp\n",
            f"datasets: there is no 'yelpp'. Fix: write 'yelp' (valid: {listed('datasets')})",
        ),
        (
            "leave_out: []",
            "leave_out: [recommendation]",
            f"build_tasks.leave_out: there is no 'recommendation'. Fix: write 'rating' (valid: {TASKS})",
        ),
        (
            "metric: ndcg@20",
            "metric: ndcg@50",
            f"compare.metric: there is no 'ndcg@50'. Fix: write 'ndcg@20' (valid: {METRICS})",
        ),
        (
            "    temperature: 0.5",
            "    temperatur: 0.5",
            "combiners.pmtrec_inverse.temperatur: unknown key. Fix: write 'temperature' (valid: granularity, scale, weights, "
            "temperature, norm_decay, length, relax, focus, schedule, warm_up, focus_end, without_main, exchanged)",
        ),
        (
            "    temperature: 0.5",
            "    temperature: 0",
            "combiners.pmtrec_inverse.temperature must be > 0, found 0.0. Fix: change it",
        ),
        ("    init_std: 0.1", "    init_std: 0", "encoders.mf.init_std must be > 0, found 0.0. Fix: change it"),
        (
            "    scale: row ",
            "    scale: col ",
            "combiners.pmtrec_inverse.scale: must be 'row', 'running' or 'none' (found 'col'). Fix: change it",
        ),
        (
            "  lightgcn:\n",
            "  lightgcnn:\n",
            f"encoders: there is no 'lightgcnn'. Fix: write 'lightgcn' (valid: {listed('encoders')})",
        ),
        (
            "like: pmtrec_inverse, focus: none",
            "like: pmtrec_inversee, focus: none",
            "combiners.pmtrec_inverse_without_focus.like: there is no 'pmtrec_inversee'. Fix: write 'pmtrec_inverse' (valid: "
            f"{', '.join(name for name in RULES if name != 'pmtrec_inverse_without_focus')})",
        ),
        (
            "like: pmtrec_inverse, focus: none",
            "like: pmtrec_inverse, focuss: none",
            "combiners.pmtrec_inverse_without_focus.focuss: unknown key. Fix: write 'focus' (valid: granularity, scale, "
            "weights, temperature, norm_decay, length, relax, focus, schedule, warm_up, focus_end, without_main, exchanged)",
        ),
        (
            "  stch: {}",
            "  stch: {like: dwa}\n  dwa_2: {like: stch_2}\n  stch_2: {like: dwa_2}",
            "combiners.dwa_2: `like` forms a cycle: dwa_2 -> stch_2 -> dwa_2. Fix: name a rule, a solver or a baseline",
        ),
        (
            "tasks: {}",
            "tasks: {sozial: {}}",
            f"tasks: there is no 'sozial'. Fix: write 'social' (valid: recommendation, {TASKS})",
        ),
        (
            "tasks: {}",
            "tasks: {social: {options: {temperatur: 1.0}}}",
            "tasks.social.options.temperatur: unknown key. Fix: write 'temperature' (valid: temperature, normalize, "
            "n_negatives, in_batch)",
        ),
        (
            "tasks: {}",
            "tasks: {recommendation: {from_batch: true}}",
            "tasks.recommendation.from_batch: the batch is that of this task. Fix: remove it",
        ),
        (
            "stages: []",
            "stages: [[train.lrr]]",
            "tune: train.lrr in stages is no key of space or methods. Fix: write one that is, or remove it",
        ),
        (
            "sampler: tpe ",
            "sampler: grid ",
            "tune.space.train.lr: a grid has no ranges. Fix: list choices, or use sampler: tpe",
        ),
        (
            "train.lr: {low: 1e-3, high: 2e-2, log: true}",
            "train.lr: {low: 0.1, high: 0.01}",
            "tune.space.train.lr: must be a range with finite low < high, and with low > 0 if log is true "
            "(found {'low': 0.1, 'high': 0.01}). Fix: change it",
        ),
        (
            "train.lr: {low: 1e-3, high: 2e-2, log: true}",
            "train.lr: {lo: 0.1, high: 0.01}",
            "tune.space.train.lr.lo: unknown key. Fix: write 'low' (valid: low, high, log, choices)",
        ),
        (
            "combiners.pmtrec.alpha: {low: 1.0, high: 1.2}",
            "combiners.pmtrec.alpha: {choices: [1.1, 0.9]}",
            "tune: combiners.pmtrec.alpha: 0.9 is no value of pmtrec: {path}: "
            "overrides.demo.methods.pmtrec.combiners.pmtrec.alpha must be >= 1, found 0.9. Fix: change it (for demo/pmtrec, "
            "after overrides and tune.space)",
        ),
        (
            "train.lr: {low: 1e-3, high: 2e-2, log: true}",
            "train.lr: {choices: [0.1, 0.1]}",
            "tune.space.train.lr.choices: must be a list without duplicates (found [0.1, 0.1]). Fix: change it",
        ),
        (
            "by_task: {}",
            "by_task: {sozial: 1.0}",
            "combiners.static_weights.by_task: there is no 'sozial'. "
            f"Fix: write 'social' (valid: {TASKS}, user_attributes, item_attributes)",
        ),
    ],
)
def test_a_fault_is_one_line_that_names_the_key(tmp_path: Path, old: str, new: str, line: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ParamsError) as refused:
        read_whole(path)
    assert f"{path}: {line.replace('{path}', str(path))}" in str(refused.value).splitlines()


@pytest.mark.parametrize("name", ["a b; touch x", "../up", "Pmtrec", "a'b"])
def test_a_method_has_a_name_that_is_safe_in_a_command_and_a_path(tmp_path: Path, name: str) -> None:
    path = changed(tmp_path, "  single_task: {}\n", f'  single_task: {{}}\n  "{name}": {{like: single_task}}\n')
    with pytest.raises(ParamsError, match="combiners"):
        read_whole(path)


def test_an_unknown_key_is_named_with_the_closest_valid_one(tmp_path: Path) -> None:
    path = changed(tmp_path, "  lr:  #", "  lrr: 1\n  lr:  #")
    with pytest.raises(ParamsError) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}: train.lrr: unknown key. Fix: write 'lr' (valid: encoder, loss, dim, ")


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    path = changed(tmp_path, "  lr:  #", "  x: 1\n  lr: abc  #")
    with pytest.raises(ParamsError) as refused:
        read_config(path)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2\n", ":2: not valid YAML: expected ',' or ']', but got ':'. Fix: correct this line"),
        ("a: 1\na: 2\n", ':2: not valid YAML: found duplicate key "a" with value "2"'),
        ("- 1\n", ": must hold sections (found [1]). Fix: write them"),
        ("", ": must hold sections (found None). Fix: write them"),
    ],
)
def test_what_is_not_yaml_is_a_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}{line}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_config(tmp_path / "params.yaml")
    assert str(refused.value).endswith("there is no such file. Fix: run from the folder that contains params.yaml")


def test_dates_are_one_form_however_they_are_written(tmp_path: Path) -> None:
    for dates in ("[2024-05-31, 2024-06-01]", "['20240531', '2024-06-01']", "['2024-W22-5', 2024-06-01]"):
        params = read_config(changed(tmp_path, "dates:  #", f"dates: {dates}  #"))
        assert params.preprocess.dates == ("2024-05-31", "2024-06-01")


@pytest.mark.parametrize("key", ["lr", "train", "preprocess.k_core", "losses.bpr"])
def test_a_space_holds_key_paths_of_what_may_be_other_for_a_method(tmp_path: Path, key: str) -> None:
    path = changed(tmp_path, "    train.lr: {low", f"    {key}: {{low")
    with pytest.raises(
        ParamsError, match=rf"params\.yaml: tune\.space\.{key}.*: must match pattern .* \(found '{key}'\)\. Fix"
    ):
        read_config(path)
