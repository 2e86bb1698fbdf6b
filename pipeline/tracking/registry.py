"""The registered model of a data set: its versions, and who is champion, with the reason."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.tracking.deadline import transfer
from pipeline.tracking.project import is_owned, ownership
from pipeline.tracking.store import experiment_name, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["CHAMPION", "Candidate", "champion_version", "fetch", "promote", "register", "version_of", "versions"]

CHAMPION = "champion"
"""Alias of the version that is served."""

VALID = "pmtrec.valid_ndcg_at_20"
DATA = "pmtrec.data"  # hash of the data set and its split: validations on others cannot be compared
_CONTENT = "pmtrec.content"  # hash of the model, by which a version is found again
_REASON = "pmtrec.reason"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # what MLflow says of a model or an alias that is not there


@dataclass(frozen=True)
class Candidate:
    """A logged model that may be served.

    Attributes:
        dataset: Name of the data set.
        model_id: Of the logged model.
        run_id: Of its run.
        content: Hash of the model.
        data: Hash of the data set and its split.
        valid: NDCG@20 on validation of its settings.
        card: Model card.
        tags: What else is said of the version.
    """

    dataset: str
    model_id: str
    run_id: str
    content: str
    data: str
    valid: float
    card: str
    tags: Mapping[str, str]


def register(client: "MlflowClient", candidate: Candidate) -> tuple[str, bool]:
    """The version of a model, which is made if there is none.

    Returns:
        Its number, and whether it was made now.
    """
    from mlflow.exceptions import MlflowException

    name = experiment_name(candidate.dataset)
    try:
        client.create_registered_model(
            name, description=f"Recommends items of {candidate.dataset}; serve the alias {CHAMPION}."
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get(_CONTENT) == candidate.content:
            return str(version.version), False
    tags = {_CONTENT: candidate.content, DATA: candidate.data, VALID: f"{candidate.valid:.6f}", **candidate.tags, **ownership()}
    source = f"models:/{candidate.model_id}"
    with _current(client):
        made = client.create_model_version(name, source, candidate.run_id, tags, description=candidate.card)
    link = json.dumps([{"name": name, "version": str(made.version)}])
    client.set_logged_model_tags(candidate.model_id, {"mlflow.modelVersions": link})
    return str(made.version), True


def version_of(client: "MlflowClient", name: str, alias: str) -> "ModelVersion | None":
    """The version of a registered model that an alias stands for; ``None`` if there is no such model or alias."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code not in _ABSENT:  # a server that does not answer says nothing of what there is
            raise
        return None


def champion_version(client: "MlflowClient", dataset: str) -> "tuple[str, Mapping[str, str]] | None":
    """Number and tags of the version that is served."""
    found = version_of(client, experiment_name(dataset), CHAMPION)
    return (str(found.version), found.tags) if found else None


def promote(client: "MlflowClient", dataset: str, version: str, *, force: bool = False) -> str:
    """Make a version the champion, if it is better on validation, or was validated on other data.

    Args:
        client: Of the store.
        dataset: Name of the data set.
        version: Number of the version.
        force: Promote a worse one too; the reason then says so.

    Returns:
        The reason, which is also a tag of the version.

    Raises:
        InputError: If the version is not there, or is worse.
    """
    from mlflow.exceptions import MlflowException

    name = experiment_name(dataset)
    try:
        tags = client.get_model_version(name, version).tags
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        raise InputError(f"{name}: there is no version {version}. Fix: see `pmtrec promote {dataset}`") from error
    if VALID not in tags:
        fix = f"choose another, see `pmtrec promote {dataset}`"
        raise InputError(f"{name} version {version}: was not registered by pmtrec. Fix: {fix}")
    now = champion_version(client, dataset)
    value = float(tags[VALID])
    fetch(client, f"models:/{name}/{version}")  # one whose files are gone is refused before the alias moves
    if now is None:
        reason = f"the first: NDCG@20 {value:.4f} on validation"
    elif now[0] == version:
        return now[1].get(_REASON, "is the champion already")
    elif now[1].get(DATA) != tags.get(DATA) and not (force or is_owned(now[1])):
        fix = "write tracking.prefix in params.yaml, the same tracking.project in both if they are one, or use --force"
        raise InputError(f"{name} version {version}: the champion (version {now[0]}) is another project's. Fix: {fix}")
    elif now[1].get(DATA) != tags.get(DATA):
        reason = f"NDCG@20 {value:.4f} on validation; the data are others than those of version {now[0]}"
    elif not value < (theirs := float(now[1].get(VALID, "nan"))):
        reason = f"NDCG@20 {value:.4f} on validation, version {now[0]} had {theirs:.4f}"
    else:
        worse = f"NDCG@20 {value:.4f} on validation, the champion (version {now[0]}) has {theirs:.4f}"
        if not force:
            raise InputError(f"{name} version {version}: {worse}. Fix: leave it, or promote it with --force")
        reason = f"promoted although it is worse: {worse}"
    client.set_model_version_tag(name, version, _REASON, reason)
    client.set_registered_model_alias(name, CHAMPION, version)
    return reason


def versions(client: "MlflowClient", dataset: str) -> list[dict[str, str]]:
    """All versions, the newest first: ``version``, ``method``, ``trained on``, ``validation``, ``reason``."""
    found = sorted(client.search_model_versions(f"name = '{experiment_name(dataset)}'"), key=lambda one: -int(one.version))
    return [
        {
            "version": str(one.version),
            "method": one.tags.get("pmtrec.method", ""),
            "trained on": one.tags.get("pmtrec.trained_on", ""),
            "validation": one.tags.get(VALID, ""),
            "reason": one.tags.get(_REASON, ""),
        }
        for one in found
    ]


def fetch(client: "MlflowClient", uri: str) -> tuple[str, Path]:
    """Name and version, and a local folder of a registered model.

    Args:
        client: Of the store.
        uri: ``models:/<name>@<alias>`` or ``models:/<name>/<version>``.

    Raises:
        InputError: If there is no such model.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    name, _, alias = uri.removeprefix("models:/").partition("@")
    if not alias:
        name, _, number = name.rpartition("/")
    try:
        found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
        with _current(client), transfer():
            return f"{name}/{found.version}", Path(download_artifacts(f"models:/{name}/{found.version}"))
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        raise InputError(f"{uri}: {first_line(error)}. Fix: run dvc repro, or see `pmtrec promote`") from error


@contextmanager
def _current(client: "MlflowClient") -> Iterator[None]:
    """Within the block, MLflow looks models up where the client does, and not in a new database in the current folder."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(client.tracking_uri)
    try:
        yield
    finally:  # it also sets the variable, by which we know whether there is a server
        if before is None:
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before
