"""What a name in ``datasets`` stands for, as JSON: it changes exactly when the raw files have to be made anew."""

import os
from pathlib import Path
from typing import Any

from pipeline import plugins
from pipeline.data.description import Description
from pipeline.data.remote import local_path
from pipeline.datasets._base import Dataset
from pipeline.errors import ParamsError
from pipeline.params import Params

__all__ = ["open_dataset", "record"]


def record(path: Path, params: Params, name: str) -> dict[str, Any]:
    """The plug-in with the checksums of its code; of an own data set also its description, and size and age of local files.

    Raises:
        ParamsError: If a local file is not there.
    """
    source = params.source(name)
    described = params.custom.get(source)
    plug_in = plugins.CUSTOM if described else source
    found: dict[str, Any] = {"plug_in": plug_in, "sources": plugins.sources("datasets", plug_in)}
    if described is None:
        return found
    files, missing = {}, []
    for table, how in described.tables().items():
        if (local := local_path(how.path)) is not None:
            try:
                status = os.stat(local)
            except OSError as error:
                fix = "correct the path, which starts where you run the pipeline"
                missing.append(f"{path}: custom.{source}.{table}: {local}: {error.strerror}. Fix: {fix}")
            else:
                files[local] = [status.st_size, status.st_mtime_ns]
    if missing:
        raise ParamsError(*missing)
    return found | {"described": described.model_dump(mode="json"), "files": files}


def open_dataset(recorded: dict[str, Any]) -> Dataset:
    """The data set of a record.

    Raises:
        InputError: If its plug-in was edited since.
    """
    plugins.check_sources({f"datasets/{file}": sha256 for file, sha256 in recorded["sources"].items()})
    plug_in = plugins.load("datasets", recorded["plug_in"])
    if recorded["plug_in"] != plugins.CUSTOM:
        dataset: Dataset = plug_in
        return dataset
    made: Dataset = plug_in(Description.model_validate(recorded["described"]))
    return made
