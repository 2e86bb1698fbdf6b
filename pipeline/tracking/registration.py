"""The best method of a data set, trained on everything, as the registered model that is served."""

from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.integrity import dvc_hash
from pipeline.tracking.completion import Trained, complete_run, model_of
from pipeline.tracking.packaging import served_code
from pipeline.tracking.registry import CHAMPION, Candidate, promote, register
from pipeline.tracking.store import experiment_name

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["candidate_of", "serve_best"]


def candidate_of(client: "MlflowClient", trained: Trained, valid: float) -> Candidate:
    """A completed run as a candidate; the run is completed first."""
    training = trained.training
    run_id = complete_run(client, trained)
    seed = "all interactions" if training.seed is None else f"seed {training.seed}"
    tags = {"pmtrec.method": training.method, "pmtrec.trained_on": seed}
    data = dvc_hash(training.inputs["processed"])
    content = f"{dvc_hash(training.model)} {served_code()}"
    return Candidate(training.dataset, model_of(client, run_id), run_id, content, data, valid, trained.card, tags)


def serve_best(client: "MlflowClient", trained: Trained, valid: float) -> str:
    """Register a training on everything, and promote it unless the champion is better.

    Returns:
        What was done, in a sentence.
    """
    candidate = candidate_of(client, trained, valid)
    version, is_new = register(client, candidate)
    name = experiment_name(candidate.dataset)
    if not is_new:  # somebody may have promoted another since
        return f"{name} version {version} is registered"
    try:
        reason = promote(client, candidate.dataset, version)
    except InputError as error:
        return f"{name} version {version} is registered; the champion stays: {error}"
    return f"{name} version {version} ({trained.training.method}) is {CHAMPION}: {reason}"
