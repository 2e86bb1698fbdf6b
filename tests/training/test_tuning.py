import sqlite3
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config.layers import write_tuned
from pipeline.config.run_config import RunConfig, read_config
from pipeline.config.search import before_search, search_name, space_of, stages_of, start_values
from pipeline.errors import DivergedError
from pipeline.training.epoch import Epoch
from pipeline.training.tuning import Search, at_an_edge

CONFIG = read_config(Path(__file__).parents[2] / "params.yaml")
SIDE = "combiners.static_weights.side"


class Training:
    """Of two epochs, the better the nearer lr is to 3e-3."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, values: dict[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        self.seen.append(values)
        quality = 1 / (1 + abs(values["train.lr"] - 3e-3))
        for number in (1, 2):
            on_epoch(Epoch(number, {}, {}, quality * number / 2))


def search(folder: Path, trials: int, method: str = "static_weights") -> Search:
    name, start = search_name(CONFIG, "demo", method, "data", space_of(CONFIG, method)), start_values(CONFIG, "demo", method)
    return Search(name, space_of(CONFIG, method), start, trials, 0, f"sqlite:///{folder}/tuning.db")


def test_the_first_trial_is_params_as_they_are_and_a_second_call_does_what_is_missing(tmp_path: Path) -> None:
    training = Training()
    first = search(tmp_path, 3).run(training)
    assert len(training.seen) == len(first) == 3
    assert training.seen[0]["train.lr"] == CONFIG.train.lr
    assert training.seen[0][SIDE] == CONFIG.combiners["static_weights"]["side"]
    assert len({values["train.lr"] for values in training.seen}) == 3

    assert search(tmp_path, 3).run(training) == first
    assert len(training.seen) == 3, "nothing is done again"

    more = search(tmp_path, 5).run(training)
    assert more[:3] == first
    assert len(training.seen) == len(more) == 5


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    def stop(values: dict[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, 2).run(stop)
    training = Training()
    assert len(search(tmp_path, 2).run(training)) == len(training.seen) == 2
    assert training.seen[0]["train.lr"] == CONFIG.train.lr
    (tmp_path / "another").mkdir()
    undisturbed = Training()
    search(tmp_path / "another", 2).run(undisturbed)
    assert training.seen == undisturbed.seen


def test_a_training_that_diverges_is_a_trial_of_the_worst_kind(tmp_path: Path) -> None:
    def diverge(values: dict[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        on_epoch(Epoch(1, {}, {}, 0.9))
        raise DivergedError("training: not finite. Fix: lower train.lr")

    trials = search(tmp_path, 2).run(diverge)
    assert [(trial.valid_ndcg, trial.state) for trial in trials] == [(0.0, "DIVERGED")] * 2, "however good it was before"


def test_trials_below_the_median_are_stopped(tmp_path: Path) -> None:
    """Of twelve epochs; from the fifth trial on, one with half the quality of all others does not get beyond the eleventh."""
    lengths: list[int] = []

    def train(values: dict[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        lengths.append(0)
        for number in range(1, 13):
            lengths[-1] = number
            on_epoch(Epoch(number, {}, {}, (0.5 if len(lengths) > 4 else 1.0) * number))

    trials = search(tmp_path, 6).run(train)
    assert lengths == [12] * 4 + [10] * 2
    assert [trial.state for trial in trials] == ["COMPLETE"] * 4 + ["PRUNED"] * 2


def test_another_space_or_other_data_are_another_search() -> None:
    def name(config: RunConfig = CONFIG, data: str = "data") -> str:
        return search_name(config, "demo", "static_weights", data, space_of(config, "static_weights"))

    def tuned(**changes: object) -> RunConfig:
        return CONFIG.model_copy(update={"tune": CONFIG.tune.model_copy(update=changes)})

    assert name(tuned(space={})) != name()
    assert name(tuned(trials=9)) == name(), "more trials are the same search"
    assert name(data="other data") != name()


def test_a_baseline_is_not_searched_over_what_it_does_not_have() -> None:
    assert set(space_of(CONFIG, "ease")) == {"baselines.ease.l2"}
    assert set(space_of(CONFIG, "pmtrec")) > set(CONFIG.tune.space)


def test_values_at_an_edge_are_named() -> None:
    """Side from .01 to 1 on a log scale: a twentieth of it is .01 * 100^.05 = .0126 and 1 / 100^.05 = .794."""
    space = {"side": CONFIG.tune.methods["static_weights"][SIDE]}
    assert [bool(at_an_edge(space, {"side": side})) for side in (0.01, 0.0125, 0.013, 0.79, 0.8, 1.0)] == [
        True, True, False, False, True, True,
    ]  # fmt: skip


GRID = Path(__file__).parents[2] / "docs/reproduction/office.yaml"


def grid_search(folder: Path, trials: int, **changes: Any) -> Search:
    config = read_config(GRID)
    space = space_of(config, "equal_weights")
    first = {"train.lr": 0.01, "train.weight_decay": 1e-4}
    return Search("grid", space, first, trials, 0, f"sqlite:///{folder}/grid.db", "grid", **changes)


def test_a_grid_is_walked_from_the_start_in_random_order_none_twice_and_goes_on(tmp_path: Path) -> None:
    training = Training()
    assert len(grid_search(tmp_path, 7).run(training)) == 7
    assert training.seen[0] == {"train.lr": 0.01, "train.weight_decay": 1e-4}
    grid_search(tmp_path, 40).run(training)
    points = {tuple(values.values()) for values in training.seen}
    assert len(training.seen) == len(points) == 5 * 4, "the whole grid, and not more"
    (tmp_path / "again").mkdir()
    again = Training()
    grid_search(tmp_path / "again", 20).run(again)
    assert again.seen == training.seen, "the same order, however often it was interrupted"


def grid_config(folder: Path, tuned: dict[str, Any] | None = None, method: str = "cagrad") -> RunConfig:
    """GRID without what was found for it; or with what a search has found now."""
    yaml = YAML(typ="safe", pure=True)
    content = {**yaml.load(GRID), "settings": "tuned"}
    found = content.pop("overrides")["office"]
    content["overrides"] = {"office": {key: of for key, of in found.items() if key != "methods"}}
    folder.mkdir()
    yaml.dump(content, folder / "params.yaml")
    config = read_config(folder / "params.yaml")
    if tuned:
        write_tuned(config.settings_file("office", method), tuned, "Found.")
    return config


def test_a_grid_that_was_searched_goes_on_in_its_order(tmp_path: Path) -> None:
    """What the first search has found is not the start of the second."""
    configs = [grid_config(tmp_path / "a"), grid_config(tmp_path / "b", {"train": {"lr": 0.1, "weight_decay": 1e-8}})]
    starts = [start_values(before_search(of, "office", "cagrad"), "office", "cagrad") for of in configs]
    assert starts[0] == starts[1]
    assert set(starts[0]) == {"train.lr", "train.weight_decay"}


@pytest.mark.parametrize(("settled", "prune", "ends"), [(False, True, 12), (True, True, 10), (True, False, 12)])
def test_a_trial_is_not_stopped_while_its_rule_is_on_its_way(tmp_path: Path, settled: bool, prune: bool, ends: int) -> None:
    """Of twelve epochs; the fifth trial is half as good as the four before it."""
    lengths: list[int] = []

    def train(values: dict[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        lengths.append(0)
        for number in range(1, 13):
            lengths[-1] = number
            on_epoch(Epoch(number, {}, {}, (0.5 if len(lengths) > 4 else 1.0) * number, settled))

    grid_search(tmp_path, 5, prune=prune).run(train)
    assert lengths == [12] * 4 + [ends]


def test_stages_share_the_trials_and_a_method_without_options_has_one() -> None:
    config = read_config(GRID)
    assert [(sorted(space), n) for space, n in stages_of(config, "pmtrec")] == [
        (["train.lr", "train.weight_decay"], 10),
        (["combiners.pmtrec.alpha", "combiners.pmtrec.tau"], 10),
    ]
    assert [n for _, n in stages_of(config, "pcgrad")] == [20]
    assert [n for _, n in stages_of(CONFIG, "pmtrec")] == [CONFIG.tune.trials]


def test_a_stage_is_another_search_where_other_stages_have_other_values(tmp_path: Path) -> None:
    config = read_config(GRID)
    (first, _), (second, _) = stages_of(config, "pmtrec")
    found = {"train.lr": 0.01, "train.weight_decay": 1e-4}
    names = {search_name(config, "office", "pmtrec", "data", second, found | {"train.lr": lr}) for lr in (0.01, 0.05)}
    assert len(names) == 2
    tuned: dict[str, Any] = {"train": {"lr": 0.5}, "combiners": {"pmtrec": {"alpha": 1.2}}}
    config, written = grid_config(tmp_path / "a"), grid_config(tmp_path / "b", tuned, "pmtrec")
    for space in (first, second):
        before, after = (
            search_name(before_search(of, "office", "pmtrec"), "office", "pmtrec", "data", space, {})
            for of in (config, written)
        )
        assert before == after, "what a search has written does not make it another one"


def test_a_search_waits_for_the_last_trial_of_another_and_does_it_if_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other has begun a point of the grid; it is neither tried twice nor left out."""
    import optuna

    searching = grid_search(tmp_path, 3)
    training = Training()
    searching.run(training)
    study = optuna.load_study(study_name="grid", storage=searching.storage)
    study.ask().set_user_attr("process", "another:1:1")
    looks = []

    def is_gone(process: str) -> bool:
        looks.append(process)
        return len(looks) > 3

    monkeypatch.setattr("pipeline.training.tuning.is_gone", is_gone)
    monkeypatch.setattr("pipeline.training.tuning.is_here", lambda _: True)
    monkeypatch.setattr("pipeline.training.tuning._POLL", 0.0)
    assert len(grid_search(tmp_path, 4).run(training)) == 4
    assert len(looks) > 3
    assert len({tuple(values.values()) for values in training.seen}) == len(training.seen) == 4


def test_a_trial_on_a_machine_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    import optuna

    searching = grid_search(tmp_path, 2)
    training = Training()
    searching.run(training)
    study = optuna.load_study(study_name="grid", storage=searching.storage)
    study.ask().set_user_attr("process", "another-machine:1:1")
    assert len(grid_search(tmp_path, 3).run(training)) == 3


def test_a_trial_that_sigterm_ends_is_done_again_at_its_place(tmp_path: Path) -> None:
    def stop(values: dict[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        raise SystemExit(143)

    with pytest.raises(SystemExit):
        grid_search(tmp_path, 2).run(stop)
    training = Training()
    assert len(grid_search(tmp_path, 2).run(training)) == 2
    assert training.seen[0] == {"train.lr": 0.01, "train.weight_decay": 1e-4}


@pytest.mark.parametrize(("seconds", "is_given_up"), [(50, False), (70, True)])
def test_a_trial_of_which_nobody_knows_who_began_it_is_given_up_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, is_given_up: bool
) -> None:
    import optuna

    def waited(_: float) -> None:
        raise TimeoutError

    searching = grid_search(tmp_path, 2)
    searching.run(training := Training())
    study = optuna.load_study(study_name="grid", storage=searching.storage)
    left = study.ask()
    with closing(sqlite3.connect(searching.storage.removeprefix("sqlite:///"))) as connection:
        begun = (str(datetime.now() - timedelta(seconds=seconds)), left.number)
        connection.execute("UPDATE trials SET datetime_start = ? WHERE number = ?", begun)
        connection.commit()
    monkeypatch.setattr("pipeline.training.tuning.time.sleep", waited)
    with nullcontext() if is_given_up else pytest.raises(TimeoutError):
        grid_search(tmp_path, 3).run(training)
    assert study.trials[left.number].state.name == ("FAIL" if is_given_up else "RUNNING")
