from pathlib import Path

import pytest

from pipeline.errors import InputError, ParamsError
from pipeline.options import check_all_options
from pipeline.params import Params, flat, read_params

OURS = Path(__file__).parent.parent / "params.yaml"
METHODS = list(read_params(OURS).combiners)


def changed(folder: Path, old: str, new: str) -> Path:
    text = OURS.read_text()
    assert old in text
    path = folder / "params.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def read_whole(path: Path) -> Params:
    params = read_params(path)
    check_all_options(path, params)
    return params


def test_our_own_params_are_right() -> None:
    params = read_whole(OURS)
    assert params.train.lr == 5e-3
    assert params.methods == ("single_task", "equal_weights", "pmtrec")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  lr: 5e-3", "  lrr: 5e-3", "train.lr: missing. Fix: add it"),
        ("  lr: 5e-3", "  lr: abc", "train.lr: found 'abc'. Fix: write a valid number"),
        ("  lr: 5e-3", "  lr: .nan", "train.lr: found nan. Fix: write a finite number"),
        ("  lr: 5e-3", "  lr: -1", "train.lr: found -1. Fix: write greater than 0"),
        ("  lr: 5e-3", "  lr: true", "train.lr: found True. Fix: write a valid number"),
        ("  dim: 64", "  dim: 64.5", "train.dim: found 64.5. Fix: write a valid integer"),
        ("  dim: 64", '  dim: "64"', "train.dim: found '64'. Fix: write a valid integer"),
        (
            "optimizer: adam ",
            "optimizer: adamw ",
            "train.optimizer: found 'adamw'. Fix: write 'adam', 'dense_adam', 'adagrad', 'rowwise_adagrad' or 'sgd'",
        ),
        (
            "weight_decay: 0.0",
            "weight_decay: 200",
            "train.weight_decay: found 200. Fix: write less than 1 / lr = 200: a step shrinks a row by the factor "
            "1 - lr * weight_decay",
        ),
        (
            "ratios: [0.8, 0.1, 0.1]",
            "ratios: [0.8, 0.1, 0.2]",
            "preprocess.ratios: found [0.8, 0.1, 0.2]. Fix: write three shares > 0 that sum to 1 (train, valid, test)",
        ),
        *(
            (
                "dates: null",
                f"dates: {dates}",
                f"preprocess.dates: found {shown}. Fix: write two dates, as 2024-05-31: the first of valid and the first of "
                "test",
            )
            for dates, shown in (("[a, b]", "['a', 'b']"), ("2024-05-31", "datetime.date(2024, 5, 31)"), ("[1, 2]", "[1, 2]"))
        ),
        (
            "dates: null",
            "dates: ['2024-05-31', '2024-05-31']",
            "preprocess.dates: found ['2024-05-31', '2024-05-31']. Fix: write the first date of valid before the first date of "
            "test",
        ),
        ("  - 0\n", "  - 0\n  - 0\n", "seeds: found [0, 0]. Fix: write every entry once"),
        (
            "  - pmtrec\n",
            "  - pmtrek\n",
            f"methods: there is no 'pmtrek'. Fix: write 'pmtrec' (valid: {', '.join(METHODS)})",
        ),
        (
            "  - demo\n",
            "  - yelpp\n",
            "datasets: there is no 'yelpp'. Fix: write 'yelp' (valid: amazon, demo, lastfm, yelp)",
        ),
        (
            "leave_out: []",
            "leave_out: [recommendation]",
            "build_tasks.leave_out: there is no 'recommendation'. Fix: use a valid name (valid: category, co_view, social)",
        ),
        (
            "metric: ndcg@20",
            "metric: ndcg@50",
            "compare.metric: there is no 'ndcg@50'. Fix: write 'ndcg@20' (valid: recall@10, ndcg@10, precision@10, "
            "hit_rate@10, mrr@10, recall@20, ndcg@20, precision@20, hit_rate@20, mrr@20)",
        ),
        (
            "    temperature: 0.5",
            "    temperatur: 0.5",
            "combiners.pmtrec.temperatur: unknown key. Fix: write 'temperature' (valid: granularity, scale, weights, "
            "temperature, norm_decay, length, relax, focus, schedule, warm_up, focus_end, without_main, exchanged)",
        ),
        (
            "    temperature: 0.5",
            "    temperature: 0",
            "combiners.pmtrec.temperature must be > 0, found 0.0. Fix: change it",
        ),
        ("    init_std: 0.1", "    init_std: 0", "encoders.mf.init_std must be > 0, found 0.0. Fix: change it"),
        ("    scale: row ", "    scale: col ", "combiners.pmtrec.scale: found 'col'. Fix: write 'row', 'running' or 'none'"),
        (
            "  equal_weights: {}\n",
            "",
            f"methods: there is no 'equal_weights'. Fix: write 'static_weights' (valid: "
            f"{', '.join(name for name in METHODS if name != 'equal_weights')})",
        ),
        (
            "  lightgcn:\n",
            "  lightgcnn:\n",
            "encoders: there is no 'lightgcnn'. Fix: write 'lightgcn' (valid: lightgcn, mf)",
        ),
        (
            "like: pmtrec, focus: none",
            "like: pmtrek, focus: none",
            "combiners.pmtrec_without_focus.like: there is no 'pmtrek'. Fix: write 'pmtrec' (valid: "
            f"{', '.join(name for name in METHODS if name != 'pmtrec_without_focus')})",
        ),
        (
            "like: pmtrec, focus: none",
            "like: pmtrec, focuss: none",
            "combiners.pmtrec_without_focus.focuss: unknown key. Fix: write 'focus' (valid: granularity, scale, weights, "
            "temperature, norm_decay, length, relax, focus, schedule, warm_up, focus_end, without_main, exchanged)",
        ),
        (
            "  stch: {}",
            "  stch: {like: dwa}\n  dwa_2: {like: stch_2}\n  stch_2: {like: dwa_2}",
            "combiners.dwa_2: dwa_2 like stch_2 like dwa_2 goes in a circle. Fix: name a rule or a baseline",
        ),
        (
            "by_task: {}",
            "by_task: {sozial: 1.0}",
            "combiners.static_weights.by_task: there is no 'sozial'. Fix: write 'social' (valid: category, co_view, social)",
        ),
    ],
)
def test_a_fault_is_one_line_that_names_the_key(tmp_path: Path, old: str, new: str, line: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ParamsError) as refused:
        read_whole(path)
    assert f"{path}: {line}" in str(refused.value).splitlines()


@pytest.mark.parametrize("name", ["a b; touch x", "../up", "Pmtrec", "a'b"])
def test_a_method_has_a_name_that_is_safe_in_a_command_and_a_path(tmp_path: Path, name: str) -> None:
    path = changed(tmp_path, "  single_task: {}\n", f'  single_task: {{}}\n  "{name}": {{like: single_task}}\n')
    with pytest.raises(ParamsError, match="combiners"):
        read_whole(path)


def test_an_unknown_key_is_named_with_the_closest_valid_one(tmp_path: Path) -> None:
    path = changed(tmp_path, "  lr: 5e-3", "  lr: 5e-3\n  lrr: 1")
    with pytest.raises(ParamsError) as refused:
        read_params(path)
    assert str(refused.value).startswith(f"{path}: train.lrr: unknown key. Fix: write 'lr' (valid: encoder, loss, dim, ")


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    path = changed(tmp_path, "  lr: 5e-3", "  lr: abc\n  x: 1")
    with pytest.raises(ParamsError) as refused:
        read_params(path)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2\n", ":2: not valid YAML: expected ',' or ']', but got ':'. Fix: correct this line"),
        ("a: 1\na: 2\n", ':2: not valid YAML: found duplicate key "a" with value "2"'),
        ("- 1\n", ": found [1]. Fix: write sections"),
        ("", ": found None. Fix: write sections"),
    ],
)
def test_what_is_not_yaml_is_a_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as refused:
        read_params(path)
    assert str(refused.value).startswith(f"{path}{line}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_params(tmp_path / "params.yaml")
    assert str(refused.value).endswith("there is no such file. Fix: run in the folder of params.yaml")


def test_flat_paths() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": []}, "e": None}) == {"a.b.c": 1, "a.d": [], "e": None}


def test_dates_are_one_form_however_they_are_written(tmp_path: Path) -> None:
    for dates in ("[2024-05-31, 2024-06-01]", "['20240531', '2024-06-01']", "['2024-W22-5', 2024-06-01]"):
        params = read_params(changed(tmp_path, "dates: null", f"dates: {dates}"))
        assert params.preprocess.dates == ("2024-05-31", "2024-06-01")


OVERRIDES = """
overrides:
  lastfm:
    train: {dim: 16}
    methods:
      pmtrec: {train: {lr: 0.001}, combiners: {pmtrec: {focus_end: 0.9}}}
  lastfm_rewired:
    like: lastfm
    build_tasks: {placebo: {social: rewired}}
    train: {epochs: 3}
"""


def with_overrides(folder: Path, text: str = OVERRIDES) -> Path:
    path = folder / "params.yaml"
    path.write_text(OURS.read_text().partition("overrides:")[0] + text)
    return path


def test_overrides_of_a_data_set_of_a_method_and_of_a_name_that_is_like_another(tmp_path: Path) -> None:
    path = with_overrides(tmp_path)
    params = read_params(path)

    def train(dataset: str, method: str | None = None) -> tuple[int, float, int]:
        found = params.of(path, dataset, method)
        return found.train.dim, found.train.lr, found.train.epochs

    dim, lr, epochs = params.train.dim, params.train.lr, params.train.epochs
    assert train("demo") == train("demo", "pmtrec") == (dim, lr, epochs)
    assert train("lastfm") == train("lastfm", "single_task") == (16, lr, epochs)
    assert train("lastfm", "pmtrec") == (16, 1e-3, epochs)
    assert train("lastfm_rewired", "pmtrec") == (16, 1e-3, 3)
    assert params.of(path, "lastfm", "pmtrec").combiners["pmtrec"]["focus_end"] == 0.9
    assert train("lastfm", "pmtrec_softmax") == train("lastfm", "pmtrec"), "a method that is like another has its changes too"
    assert params.of(path, "lastfm", "pmtrec_softmax").combiners["pmtrec"]["focus_end"] == 0.9
    assert params.of(path, "lastfm_rewired").build_tasks.placebo == {"social": "rewired"}
    assert (params.source("lastfm_rewired"), params.source("lastfm")) == ("lastfm", "lastfm")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("overrides: {lastfm: {train: {lrr: 1}}}", "overrides.lastfm.train.lrr: unknown key. Fix: write 'lr'"),
        ("overrides: {lastfm: {train: {lr: -1}}}", "overrides.lastfm.train.lr: found -1. Fix: write greater than 0"),
        ("overrides: {mine: {train: {lr: 1}}}", "overrides.mine: there is no 'mine'"),
        ("overrides: {mine: {like: lastfn}}", "overrides.mine: there is no 'lastfn'. Fix: write 'lastfm'"),
        ("overrides: {yelp: {methods: {pmtrek: {}}}}", "overrides.yelp.methods: there is no 'pmtrek'. Fix: write 'pmtrec'"),
        ("overrides: {yelp: {build_tasks: {leave_out: [socal]}}}", "overrides.yelp.build_tasks.leave_out: there is no 'socal'"),
        (
            "overrides: {yelp: {methods: {pmtrec: {train: {lr: 0}}}}}",
            "overrides.yelp.methods.pmtrec.train.lr: found 0. Fix: write greater than 0",
        ),
        ("overrides: {yelp: {methods: {pmtrec: {build_tasks: {}}}}}", "overrides.yelp.methods.pmtrec.build_tasks: unknown key"),
        ("overrides: {yelp: {trian: {}}}", "overrides.yelp.trian: unknown key. Fix: write 'train'"),
    ],
)
def test_a_fault_in_an_override_is_named_by_its_place(tmp_path: Path, text: str, line: str) -> None:
    path = with_overrides(tmp_path, text + "\n")
    with pytest.raises(ParamsError) as refused:
        read_whole(path)
    assert any(found.startswith(f"{path}: {line}") for found in str(refused.value).splitlines()), str(refused.value)


@pytest.mark.parametrize("key", ["lr", "train", "preprocess.k_core", "losses.bpr"])
def test_a_space_holds_key_paths_of_what_may_be_other_for_a_method(tmp_path: Path, key: str) -> None:
    path = changed(tmp_path, "    train.lr: {low", f"    {key}: {{low")
    with pytest.raises(
        ParamsError, match=rf"params\.yaml: tune\.space\.{key}.*: found '{key}'\. Fix: write text of the pattern"
    ):
        read_params(path)
