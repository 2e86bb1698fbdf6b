"""A search for settings: the same number of trials for each method, judged on validation alone."""

import itertools
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from pipeline.errors import DivergedError
from pipeline.processes import is_gone, is_here, this_process
from pipeline.search_space import Choices, Range, Space
from pipeline.seeding import numpy_generator
from pipeline.training.epoch import Epoch
from pipeline.training.trial_sampler import FIRST, TrialSampler, take_up

__all__ = ["DIVERGED", "Sampler", "Search", "Trial", "at_an_edge", "state_of"]

log = logging.getLogger(__name__)

Sampler = Literal["tpe", "grid"]

_WARM_UP = 10  # epochs before a trial is compared with others
DIVERGED = "DIVERGED"  # a state that Optuna does not have

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
_PROCESS = "process"  # that runs a trial
_POLL = 0.5  # seconds
_AT_ONCE = timedelta(minutes=1)
_EDGE = 0.05  # fraction of the range: a best value this close to an end suggests that the range was too narrow


def at_an_edge(space: Space, values: Mapping[str, Any]) -> list[str]:
    """Keys whose value lies within 5% of an end of its range, or is the smallest or largest of its numeric choices."""

    def place(key: str, of: Range) -> float:
        scale = math.log if of.log else float
        return (scale(values[key]) - scale(of.low)) / (scale(of.high) - scale(of.low))

    ranges = {key: of for key, of in space.items() if isinstance(of, Range)}
    choices = {key: of.choices for key, of in space.items() if isinstance(of, Choices)}
    numbers = {key: of for key, of in choices.items() if all(type(one) in (int, float) for one in of)}
    return [
        *(key for key, of in ranges.items() if not _EDGE < place(key, of) < 1 - _EDGE),
        *(key for key, of in numbers.items() if values[key] in (min(of), max(of))),
    ]


def state_of(trial: optuna.trial.FrozenTrial) -> str:
    """Optuna's name for the final state of a trial, or ``DIVERGED``."""
    return DIVERGED if "diverged" in trial.user_attrs else trial.state.name


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        number: Chronological, from 0.
        values: Key path -> value.
        state: ``COMPLETE``, ``PRUNED`` if it was stopped early, or ``DIVERGED``.
        history: Epoch -> best validation NDCG@20 so far.
    """

    number: int
    values: dict[str, Any]
    state: str
    history: dict[int, float]

    @property
    def valid_ndcg(self) -> float:
        """The best value over its epochs; 0 if the training diverged."""
        return 0.0 if self.state == DIVERGED else max(self.history.values(), default=0.0)


@dataclass(frozen=True)
class Search:
    """The trials of one method on one data set, kept in a database: what is there is not done again.

    Several processes may search at once in the same database; each trial is of one of them.

    They begin with ``start``. With ``prune``, a trial that after some epochs is below the median of the others at that epoch is
    stopped and counts as one, but not while the rule's schedule is still on its way to the main task.

    Attributes:
        name: Identifies it in the database: of other data, other settings around it or another space, it is another search.
        space: What is searched.
        start: Values of the first trial; the sampler chooses those that are missing.
        n_trials: Number of trials; a grid that has fewer points ends with them.
        seed: For the sampler.
        storage: URL of the database.
        sampler: ``"tpe"``, the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), or ``"grid"``, the points of a
            space of choices in random order, none twice.
        prune: Whether unpromising trials are stopped early.
    """

    name: str
    space: Space
    start: Mapping[str, Any]
    n_trials: int
    seed: int
    storage: str
    sampler: Sampler = "tpe"
    prune: bool = True

    def run(
        self,
        train: Callable[[dict[str, Any], Callable[[Epoch], None]], object],
        on_trial: Callable[[Trial], None] = lambda _: None,
        alone: Callable[[], AbstractContextManager[object]] | None = None,
    ) -> list[Trial]:
        """Run the missing trials and return all trials.

        Args:
            train: Takes values by key path, and what to call as an epoch ends.
            on_trial: Called as a trial ends, and first for each of those that were there.
            alone: What to hold while trials of killed processes are taken up: a lock, if others search too.
        """
        points = self._points() if self.sampler == "grid" else []
        n_trials = min(self.n_trials, len(points)) if points else self.n_trials
        study = optuna.create_study(
            storage=self.storage,
            study_name=self.name,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST, n_warmup_steps=_WARM_UP),
            sampler=TrialSampler(
                points or [dict(self.start)], {key: _distribution(of) for key, of in self.space.items()}, self.seed
            ),
            direction="maximize",
            load_if_exists=True,
        )

        def objective(trial: optuna.Trial) -> float:
            trial.set_user_attr(_PROCESS, this_process())
            values = {key: _suggest(trial, key, of) for key, of in self.space.items()}
            trial.set_user_attr("values", values)
            best = 0.0

            def on_epoch(epoch: Epoch) -> None:
                nonlocal best
                best = max(best, epoch.valid_ndcg)
                trial.report(best, epoch.number)
                if self.prune and epoch.is_settled and trial.should_prune():
                    raise optuna.TrialPruned

            try:
                train(values, on_epoch)
            except SystemExit:  # of SIGTERM; Optuna itself ends a trial on other exceptions alone
                study.tell(trial.number, state=TrialState.FAIL)
                raise
            except DivergedError as error:  # the worst possible score, from which the sampler should learn
                trial.set_user_attr("diverged", str(error))
                return 0.0
            return best

        for trial in study.get_trials(deepcopy=False, states=_ENDED)[:n_trials]:
            on_trial(_ended(trial))
        is_waiting = False
        while len(study.get_trials(deepcopy=False, states=_ENDED)) < n_trials:
            with alone() if alone else nullcontext():
                for trial in study.get_trials(states=[TrialState.RUNNING]):
                    if _is_left(trial):
                        study.tell(trial.number, state=TrialState.FAIL)
                take_up(study)
                others = sum(map(_is_alive, study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))))
            if len(study.get_trials(deepcopy=False, states=_ENDED)) + others >= n_trials:  # who may be killed yet
                if not is_waiting:
                    log.info("waiting for the last trials of other searches")
                is_waiting = True
                time.sleep(_POLL)
                continue
            study.optimize(objective, n_trials=1, callbacks=[lambda _, trial: on_trial(_ended(trial))])
        trials = study.get_trials(deepcopy=False, states=_ENDED)[:n_trials]
        return [_ended(trial) for trial in trials]

    def _points(self) -> list[dict[str, Any]]:
        """The points of the grid; ``start`` is the first if it is one of them."""
        choices = {key: of.choices for key, of in self.space.items() if isinstance(of, Choices)}
        points = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
        order = numpy_generator(self.seed, "grid").permutation(len(points))
        points = [points[place] for place in order]
        return sorted(points, key=lambda point: point != dict(self.start))


def _is_left(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether the search was killed that has begun it; it says at once who it is."""
    if process := trial.user_attrs.get(_PROCESS):
        return is_gone(process)
    return trial.datetime_start is not None and datetime.now() - trial.datetime_start > _AT_ONCE  # as Optuna


def _is_alive(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether its search goes on for all we know; of those on other machines we know nothing, and do not wait for them."""
    process = trial.user_attrs.get(_PROCESS)
    return is_here(process) if process else not _is_left(trial)


def _ended(trial: optuna.trial.FrozenTrial) -> Trial:
    return Trial(trial.number, trial.user_attrs["values"], state_of(trial), dict(trial.intermediate_values))


def _suggest(trial: optuna.Trial, key: str, of: Range | Choices) -> Any:
    if isinstance(of, Choices):
        return trial.suggest_categorical(key, of.choices)
    return float(f"{trial.suggest_float(key, of.low, of.high, log=of.log):.3g}")


def _distribution(of: Range | Choices) -> BaseDistribution:
    return CategoricalDistribution(of.choices) if isinstance(of, Choices) else FloatDistribution(of.low, of.high, log=of.log)
