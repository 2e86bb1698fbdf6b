"""A search for the settings of one method on one data set: the same number of trials for each, judged on validation alone."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from pipeline import plugins
from pipeline.errors import DivergedError
from pipeline.options import settings
from pipeline.params import Params, flat
from pipeline.sections import Choices, Range
from pipeline.training import Epoch

__all__ = ["DIVERGED", "Search", "Trial", "at_an_edge", "nested", "space_of", "state_of"]

_WARM_UP = 10  # epochs before a trial is compared with others
_FIRST = 4  # trials before any is stopped early, and before TPE has enough to learn from
DIVERGED = "DIVERGED"  # what Optuna has no state for

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
_EDGE = 0.05  # of the range: a best value so close to an end says that the range was too small

Space = Mapping[str, Range | Choices]


def space_of(params: Params, rule: str, method: str) -> dict[str, Range | Choices]:
    """The part of ``tune.space`` that concerns a method: a baseline has no ``train``, encoder and loss."""
    own = params.tune.methods.get(method, {})
    return {**({} if plugins.method_kind(rule) == "baselines" else params.tune.space), **own}


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Key paths as sections.

    >>> nested({"train.lr": 0.1, "train.dim": 2})
    {'train': {'lr': 0.1, 'dim': 2}}
    """
    sections: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        section = sections
        for name in path:
            section = section.setdefault(name, {})
        section[last] = value
    return sections


def at_an_edge(space: Space, values: Mapping[str, Any]) -> list[str]:
    """The keys whose values lie within a twentieth of an end of their range, or are the least or greatest number of some."""

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
    """Optuna's name of how a trial ended, or ``DIVERGED``."""
    return DIVERGED if "diverged" in trial.user_attrs else trial.state.name


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        number: From 0, in the order of time.
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
        """The best of its epochs; 0 where a training would end with an error."""
        return 0.0 if self.state == DIVERGED else max(self.history.values(), default=0.0)


@dataclass(frozen=True)
class Search:
    """The trials of one method on one data set, kept in a database: what is there is not done again.

    They go by the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) and start with the settings of params.yaml
    as they are. A trial that after some epochs is below the median of the others at that epoch is stopped and counts as one.

    Attributes:
        path: params.yaml.
        params: What it says.
        dataset, method: Which one.
        data: What identifies the content of the data set, split and tasks included.
        storage: URL of the database.
    """

    path: Path
    params: Params
    dataset: str
    method: str
    data: str
    storage: str

    def space(self) -> Space:
        """Of this method."""
        return space_of(self.params, self._settings({})["rule"]["name"], self.method)

    def _settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return settings(
            self.path, self.params.with_changes(self.dataset, self.method, nested(values)), self.dataset, self.method
        )

    def name(self) -> str:
        """Of other data, other settings around it or another space, it is another search."""
        space = {key: of.model_dump() for key, of in self.space().items()}
        # What is searched may be anything around it: the search itself writes what it found.
        fixed = {key: of.low if isinstance(of, Range) else of.choices[0] for key, of in self.space().items()}
        around = json.dumps([self.data, space, self._settings(fixed), self.params.tune.seed], sort_keys=True)
        return f"{self.dataset}/{self.method}/{hashlib.sha256(around.encode()).hexdigest()[:12]}"

    def _study(self) -> optuna.Study:
        return optuna.create_study(
            storage=self.storage,
            study_name=self.name(),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST, n_warmup_steps=_WARM_UP),
            direction="maximize",
            load_if_exists=True,
        )

    def _as_params_are(self, space: Space) -> dict[str, Any]:
        """What params.yaml says now of the keys of the space, but for what it leaves to defaults or the space has not."""
        found = flat(self.params.of(self.path, self.dataset, self.method).model_dump())
        return {
            key: found[key] for key, of in space.items() if key in found and (isinstance(of, Range) or found[key] in of.choices)
        }

    def run(self, train: Callable[..., object]) -> list[Trial]:
        """Do the trials that are missing, and return all.

        Args:
            train: Takes settings (see ``pipeline.options.settings``) and, as ``on_epoch``, what to call as an epoch ends.
        """
        space, study = self.space(), self._study()
        for trial in study.get_trials(states=[TrialState.RUNNING]):  # of a search that was killed
            study.tell(trial.number, state=TrialState.FAIL)
        if not study.get_trials(deepcopy=False, states=(*_ENDED, TrialState.WAITING)):
            study.enqueue_trial(self._as_params_are(space))

        def objective(trial: optuna.Trial) -> float:
            values = {key: of.suggest(trial, key) for key, of in space.items()}
            trial.set_user_attr("values", values)
            best = 0.0

            def on_epoch(epoch: Epoch) -> None:
                nonlocal best
                best = max(best, epoch.valid_ndcg)
                trial.report(best, epoch.number)
                if trial.should_prune():
                    raise optuna.TrialPruned

            try:
                train(self._settings(values), on_epoch=on_epoch)
            except DivergedError as error:  # as bad as can be, and worth knowing to the sampler
                trial.set_user_attr("diverged", str(error))
                return 0.0
            return best

        while (done := len(study.get_trials(deepcopy=False, states=_ENDED))) < self.params.tune.trials:
            # Random numbers of the trial's own, so that a search that was interrupted ends as one that was not.
            seed = self.params.tune.seed + done
            study.sampler = optuna.samplers.TPESampler(n_startup_trials=_FIRST, multivariate=True, seed=seed)
            study.optimize(objective, n_trials=1)
        trials = study.get_trials(deepcopy=False, states=_ENDED)[: self.params.tune.trials]
        return [Trial(t.number, t.user_attrs["values"], state_of(t), dict(t.intermediate_values)) for t in trials]
