"""What a training does not do, and what it says then."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline import plugins
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step
from pipeline.data.examples import Examples
from pipeline.data.ids import IdMap
from pipeline.data.relation import ITEM, USER
from pipeline.errors import DivergedError, InputError
from pipeline.ranking.recommender import Recommender
from pipeline.tasks.base import Draw
from pipeline.training.components import Components, build
from pipeline.training.learning import learn_baseline
from pipeline.training.loop import _score, train_epochs
from pipeline.training.validation import Validation
from pipeline.training.warm_start import initial
from tests.toy import checkerboard, tasks_of, triplets


class _Raises(Combiner):
    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        raise RuntimeError("the solver of this rule has no answer")


class _DrawsTooFew:
    """In the place of a sampler."""

    def epoch(self, draw: Draw) -> Examples:
        return triplets([0], [1], [2])


def built(**changes: Any) -> Components:
    split, social = checkerboard()
    options: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("bpr", {}), "rule": ("equal_weights", {})}
    return build(tasks_of([split.train_relation(), social]), 0, torch.device("cpu"), dim=4, **{**options, **changes})


def test_what_a_rule_raises_is_passed_on_where_all_numbers_are_finite() -> None:
    made = built()
    settings: dict[str, Any] = {"optimizer": "adam", "lr": 0.1, "weight_decay": 0.0, "batch_size": 16, "seed": 0}
    rule = _Raises(["recommendation", "social"], {USER: 16, ITEM: 16})
    training = train_epochs(made.encoder, rule, made.tasks, Validation(checkerboard()[0]), epochs=1, patience=1, **settings)
    with pytest.raises(RuntimeError, match="the solver of this rule has no answer"):
        list(training)


def test_another_number_of_examples_than_was_asked_for() -> None:
    task = replace(built().tasks[0], sampler=_DrawsTooFew())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="recommendation: 1 heads were drawn, 5 were asked for"):
        task.sample(Draw(1, 5))


def test_scores_of_pairs_of_a_task_that_has_none() -> None:
    task, encoder = built().tasks[0], built().encoder
    task.sampler.task = replace(task.sampler.task, relation=None)
    with pytest.raises(ValueError, match="recommendation: has no pairs to score"):
        _score(encoder, task, torch.tensor([0]), torch.tensor([0]))


def test_a_baseline_that_gives_numbers_that_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    split, _ = checkerboard()
    tables = {USER: torch.ones(16, 1), ITEM: torch.full((16, 1), torch.nan)}
    monkeypatch.setattr(plugins, "load", lambda *_: lambda *_: tables)
    with pytest.raises(DivergedError, match=r"training: ease gives numbers that are not finite\. Fix: change its options"):
        learn_baseline(tasks_of([split.train_relation()]), split, 0, lambda _: None, baseline=("ease", {}))


@pytest.mark.parametrize(
    ("kind", "said"), [("baselines", "this method learns no"), ("solvers", "that model has no embeddings")]
)
def test_a_warm_start_without_embeddings(kind: str, said: str) -> None:
    split, _ = checkerboard()
    ids = {of: IdMap.of([str(number) for number in range(16)]) for of in (USER, ITEM)}
    weights = learn_baseline(tasks_of([split.train_relation()]), split, 0, lambda _: None, baseline=("ease", {})).tables
    with pytest.raises(InputError, match=f"warm start: {said}.* Fix: begin without one"):
        initial(Recommender.of(split, ids[USER], ids[ITEM], weights), ids, kind)
