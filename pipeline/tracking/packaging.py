"""A recommender as an MLflow model from code: safetensors, JSON and a package of its own name, no pickle."""

import hashlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.artifacts import new_folder
from pipeline.fingerprint import closure
from pipeline.ranking.query import ANSWER
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.storage import REQUIREMENTS, save_recommender

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

__all__ = ["package", "save_packaged", "served_code"]

_SERVED = "pipeline.tracking.served_model"
_IMPORT = re.compile(r"^(\s*)(from|import) pipeline\b", re.MULTILINE)

_SCRIPT = '''"""Loaded by MLflow: makes the model of the package {package}, which lies beside it."""

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Answers:
    def load_context(self, context):
        from {package}.tracking.served_model import ServedModel

        self.served = ServedModel()
        self.served.load_context(context)

    def predict(self, context, model_input, params=None):
        return self.served.predict(context, model_input, params)


class Model(Answers, PythonModel):  # predict is inherited: MLflow would ask for type hints, with which it refuses data frames
    pass


set_model(Model())
'''


def package(folder: Path) -> str:
    """Copy what a served model imports into a folder, as a package of a name that its content gives.

    Returns:
        The name: ``pmtrec_model_<hash>``.
    """
    name = served_code()
    for path, text in _sources().items():
        place = folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_IMPORT.sub(rf"\1\2 {name}", text), encoding="utf-8")
    return name


def served_code() -> str:
    """The name of the package that a served model gets now: another one where the code is another."""
    content = "\0".join(f"{name}\0{text}" for name, text in _sources().items())
    return f"pmtrec_model_{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _sources() -> dict[Path, str]:
    """Path below pipeline/ -> text of every module that a served model imports."""
    root, found = Path(__file__).parents[1], {}
    for module in sorted(closure(_SERVED, whole=True)):
        path = root.joinpath(*module.split(".")[1:])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        found[file.relative_to(root)] = file.read_text(encoding="utf-8")
    return found


def save_packaged(recommender: Recommender, folder: Path, dtype: str = "float32", model: "Model | None" = None) -> None:
    """Write an MLflow model; the folder gets its name when it is whole.

    Args:
        recommender: What is packaged.
        folder: Where to; not there yet.
        dtype: How tables are stored (see ``DTYPES``).
        model: MLflow's description of the model, where it is known to the tracking store.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        parts = Path(scratch)
        name = package(parts / "code")
        (parts / "model.py").write_text(_SCRIPT.format(package=name), encoding="utf-8")
        with new_folder(parts / "recommender") as out:
            save_recommender(recommender, out, dtype)
        with _quiet():
            import mlflow.pyfunc

            mlflow.pyfunc.save_model(
                path=str(parts / "model"),
                python_model=str(parts / "model.py"),
                artifacts={"recommender": str(parts / "recommender")},
                code_paths=[str(parts / "code" / name)],
                signature=_signature(),
                pip_requirements=[f"{of}=={version(of).partition('+')[0]}" for of in ("mlflow", *REQUIREMENTS)],
                mlflow_model=model,
            )
        (parts / "model").rename(folder)


def _signature() -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    # AnyType: ids are text or numbers, and any of the three columns may be missing in a row.
    any_type = AnyType()  # type: ignore[no-untyped-call]
    asked: list[Any] = [ColSpec(any_type, name, required=False) for name in ("user_id", "items", "item_id")]
    params = [
        ParamSpec("k", DataType.long, 10),
        ParamSpec("exclude", DataType.string, [], shape=(-1,)),
        ParamSpec("only", DataType.string, [], shape=(-1,)),
        ParamSpec("exclude_seen", DataType.boolean, True),
    ]
    answered: list[Any] = [ColSpec(DataType[kind], column) for column, kind in ANSWER.items()]
    return ModelSignature(inputs=Schema(asked), outputs=Schema(answered), params=ParamSchema(params))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's wish for an example, for which it would load the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
