from pathlib import Path

import pytest

from pipeline.config.overrides import flat
from pipeline.config.run_config import read_config
from pipeline.errors import ParamsError
from tests.config._params import OURS, read_whole

OVERRIDES = """
overrides:
  lastfm:
    train: {dim: 16}
    methods:
      pmtrec: {train: {lr: 0.001}, combiners: {pmtrec: {alpha: 1.1}}}
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
    params = read_config(path)

    def train(dataset: str, method: str | None = None) -> tuple[int, float, int]:
        found = params.resolved(dataset, method)
        return found.train.dim, found.train.lr, found.train.epochs

    dim, lr, epochs = params.train.dim, params.train.lr, params.train.epochs
    assert train("demo") == train("demo", "pmtrec") == (dim, lr, epochs)
    assert train("lastfm") == train("lastfm", "single_task") == (16, lr, epochs)
    assert train("lastfm", "pmtrec") == (16, 1e-3, epochs)
    assert train("lastfm_rewired", "pmtrec") == (16, 1e-3, 3)
    assert params.resolved("lastfm", "pmtrec").combiners["pmtrec"]["alpha"] == 1.1
    assert train("lastfm", "pmtrec_global") == train("lastfm", "pmtrec"), "a method that is like another has its changes too"
    assert params.resolved("lastfm", "pmtrec_global").combiners["pmtrec"]["alpha"] == 1.1
    assert params.resolved("lastfm_rewired").build_tasks.placebo == {"social": "rewired"}
    assert (params.source("lastfm_rewired"), params.source("lastfm")) == ("lastfm", "lastfm")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("overrides: {lastfm: {train: {lrr: 1}}}", "overrides.lastfm.train.lrr: unknown key. Fix: write 'lr'"),
        (
            "overrides: {lastfm: {train: {lr: -1}}}",
            "overrides.lastfm.train.lr: must be greater than 0 (found -1). Fix: change it",
        ),
        ("overrides: {mine: {train: {lr: 1}}}", "overrides.mine: there is no 'mine'"),
        ("overrides: {mine: {like: lastfn}}", "overrides.mine: there is no 'lastfn'. Fix: write 'lastfm'"),
        ("overrides: {yelp: {methods: {pmtrek: {}}}}", "overrides.yelp.methods: there is no 'pmtrek'. Fix: write 'pmtrec'"),
        ("overrides: {yelp: {build_tasks: {leave_out: [socal]}}}", "overrides.yelp.build_tasks.leave_out: there is no 'socal'"),
        (
            "overrides: {yelp: {methods: {pmtrec: {train: {lr: 0}}}}}",
            "overrides.yelp.methods.pmtrec.train.lr: must be greater than 0 (found 0). Fix: change it",
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


def test_flat_paths() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": []}, "e": None}) == {"a.b.c": 1, "a.d": [], "e": None}
