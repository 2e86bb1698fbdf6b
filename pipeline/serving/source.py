"""Where a recommender comes from: a registered model, a training of this project, or a folder."""

import os
from pathlib import Path

from pipeline.errors import InputError
from pipeline.integrity import MANIFEST, digest
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.storage import load_recommender
from pipeline.tracking.completion import tracked
from pipeline.tracking.registry import CHAMPION, fetch, version_of
from pipeline.tracking.store import experiment_name
from pipeline.training.served import recommender_of

__all__ = ["REFITS", "Source"]

REFITS = "refits"
"""Folder of a project with the trainings on everything."""

_MODELS = "models:/"
_PARTS = 3  # of data set/method/seed


class Source:
    """A model by the name that a person gives it.

    Args:
        name: ``<data set>``: its champion, or, where none is registered, what ``dvc repro`` has trained on everything;
            ``refits/<data set>`` is always the latter; ``<data set>/<method>/<seed>``: a training of this project;
            ``models:/<name>@<alias>`` or
            ``models:/<name>/<version>``; a folder that `pmtrec refit` or MLflow wrote.
        root: The project.
    """

    def __init__(self, name: str, root: Path = Path()) -> None:
        self.name, self._root = name, root

    def load(self) -> tuple[Recommender, str]:
        """The recommender, and which version of it that is.

        Raises:
            InputError: If there is no such model.
            IntegrityError: If its bytes are not those that were written.
        """
        if not self.name.strip("/"):
            raise InputError("--from: is empty. Fix: write a data set, a training, a registered model or a folder")
        if self.name.startswith(_MODELS):
            return self._registered(self.name)
        if (folder := Path(self.name)).is_dir() and (found := _inside(folder)):
            return load_recommender(found), f"{folder.name}/{_short(found)}"
        parts = self.name.removeprefix("models/").split("/")
        if len(parts) == _PARTS and (model := self._root.joinpath("models", *parts)).is_dir():
            return recommender_of(self._root / "data/processed" / parts[0], model), f"{self.name}/{_short(model)}"
        if len(parts) == 1:
            if self.alias_version():
                return self._registered(f"{_MODELS}{experiment_name(self.name)}@{CHAMPION}")
            if (self._root / REFITS / self.name).is_dir():
                return self._refit(self.name)
        if len(parts) == 2 and parts[0] == REFITS and (self._root / self.name).is_dir():  # noqa: PLR2004
            return self._refit(parts[1])
        raise InputError(f"{self.name}: there is no such model here. Fix: run dvc repro, or write another after --from")

    def alias_version(self) -> str | None:
        """Number of the version that an alias stands for now; ``None`` where the source is none."""
        model, alias = experiment_name(self.name), CHAMPION
        if self.name.startswith(_MODELS):
            model, _, alias = self.name.removeprefix(_MODELS).partition("@")
        elif "/" in self.name or not self._has_store():
            return None
        if not alias:
            return None
        with tracked() as client:
            found = version_of(client, model, alias)
        return str(found.version) if found else None

    def _refit(self, dataset: str) -> tuple[Recommender, str]:
        model = self._root / REFITS / dataset
        return recommender_of(
            self._root / "data/processed" / dataset, model, is_refit=True
        ), f"{REFITS}/{dataset}/{_short(model)}"

    def _has_store(self) -> bool:
        """Whether there is anything to ask: no database is made by a question."""
        return bool(os.environ.get("MLFLOW_TRACKING_URI")) or (self._root / "mlflow.db").is_file()

    def _registered(self, uri: str) -> tuple[Recommender, str]:
        with tracked() as client:
            version, folder = fetch(client, uri)
        found = _inside(folder)
        if found is None:
            raise InputError(f"{uri}: is no model of pmtrec, or of another version of it. Fix: run dvc repro to log it anew")
        return load_recommender(found), version


def _inside(folder: Path) -> Path | None:
    """The recommender in the folder of an MLflow model, or the folder itself if it is one."""
    for place in (folder / "artifacts/recommender", folder):
        if (place / "names.json").is_file():
            return place
    return None


def _short(folder: Path) -> str:
    """Twelve digits by the content of a folder: two models are two versions, whatever they are called."""
    return digest(folder / MANIFEST, "sha256")[:12]
