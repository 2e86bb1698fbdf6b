"""What the next trial of a search tries: a function of its place alone, so that it matters not who runs it, and when."""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

__all__ = ["FIRST", "TrialSampler", "take_up"]

FIRST = 4  # trials before TPE takes over from random sampling
_AGAIN = "again"  # number of the trial that this one does again


class TrialSampler(BaseSampler):
    """Given points first, then the tree-structured Parzen estimator with a seed for each trial.

    Args:
        points: Of the first trials; what a point leaves out is sampled.
        space: Key path -> distribution.
        seed: Of the first trial; each has the next one.
    """

    def __init__(self, points: Sequence[Mapping[str, Any]], space: dict[str, BaseDistribution], seed: int) -> None:
        self._points = points
        self._space = space
        self._seed = seed
        self._tpe = TPESampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin a trial: forget the random numbers of the one before."""
        place = _place(study, trial)
        self._tpe = TPESampler(n_startup_trials=FIRST, multivariate=True, seed=self._seed + place)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All keys where the point is given, else what TPE models together."""
        return self._space if self._point(study, trial) else self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The given point, or that of TPE."""
        return self._point(study, trial) or self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A key that the point leaves out."""
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let TPE end the trial."""
        self._tpe.after_trial(study, trial, state, values)

    def _point(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        place = _place(study, trial)
        return dict(self._points[place]) if place < len(self._points) else {}


def take_up(study: optuna.Study) -> None:
    """Do the trials again that failed, each at its place and with its values; one process at a time may call this."""
    trials = study.get_trials(deepcopy=False)
    again = {trial.user_attrs.get(_AGAIN) for trial in trials}
    for trial in trials:
        if trial.state == TrialState.FAIL and trial.number not in again:
            study.enqueue_trial(trial.params, user_attrs={_AGAIN: trial.number})


def _place(study: optuna.Study, trial: FrozenTrial) -> int:
    """Chronological, not counting those that are done again: the same however often a search was interrupted."""
    trials = {one.number: one.user_attrs.get(_AGAIN) for one in study.get_trials(deepcopy=False)}
    first = trial.number
    while (before := trials.get(first)) is not None:
        first = before
    return first - sum(again is not None for number, again in trials.items() if number < first)
