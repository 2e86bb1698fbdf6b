"""The record of a data set, as JSON: it changes exactly when the raw files have to be fetched again."""

import os
from typing import Any

from pipeline import plugins
from pipeline.config.run_config import RunConfig
from pipeline.data.raw.remote import anchored, local_path
from pipeline.errors import ParamsError

__all__ = ["dataset_record"]


def dataset_record(config: RunConfig, name: str) -> dict[str, Any]:
    """The plug-in; of an own data set also its description, and size and age of local files.

    Raises:
        ParamsError: If a local file does not exist.
    """
    source = config.source(name)
    described = config.custom.get(source)
    if described is None:
        return {"plug_in": source}
    files, missing = {}, []
    for table, how in described.tables().items():
        if (local := local_path(how.path)) is not None:
            try:
                status = os.stat(anchored(local))
            except OSError as error:
                fix = "correct the path, which is relative to the working directory"
                missing.append(f"{config.path}: custom.{source}.{table}: {local}: {error.strerror}. Fix: {fix}")
            else:
                files[local] = [status.st_size, status.st_mtime_ns]
    if missing:
        raise ParamsError(*missing)
    return {"plug_in": plugins.CUSTOM, "described": described.model_dump(mode="json"), "files": files}
