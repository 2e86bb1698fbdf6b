"""The record of a data set, as JSON: it changes exactly when the raw files have to be fetched again."""

import logging
from pathlib import Path
from typing import Any

from pipeline import plugins
from pipeline.config.raw_in_dvc import record_in_dvc
from pipeline.config.run_config import RunConfig
from pipeline.data.raw.remote import anchored, local_path
from pipeline.errors import InputError, ParamsError
from pipeline.integrity import digest

__all__ = ["dataset_record"]

log = logging.getLogger(__name__)


def dataset_record(config: RunConfig, name: str) -> dict[str, Any]:
    """The plug-in; of an own data set also its description, and the sha256 of local files.

    A checksum rather than size and age: it is the same on every machine, and a file that was changed within a tick of the
    clock, or with its old time kept, is read anew.

    Where DVC has the raw data of the same description, as in a clone after ``dvc pull``, local files that are gone are taken as
    they were.

    Raises:
        ParamsError: If a local file does not exist.
    """
    source = config.source(name)
    described = config.custom.get(source)
    if described is None:
        return {"plug_in": source}
    shown = described.model_dump(mode="json")
    sums, missing = {}, []
    for table, how in described.tables().items():
        local: str | None = None
        try:
            for address in how.files():
                if (local := local_path(address)) is not None:
                    sums[local] = digest(Path(anchored(local)), "sha256")
        except InputError as error:
            missing += [f"{config.path}: custom.{source}.{table}: {line}" for line in error.problems]
        except OSError as error:
            fix = "correct the path, which is relative to the working directory"
            missing.append(f"{config.path}: custom.{source}.{table}: {local}: {error.strerror}. Fix: {fix}")
    if missing:
        known = record_in_dvc(name)
        if known is None or known.get("described") != shown or not {*sums.items()} <= {*known["files"].items()}:
            raise ParamsError(*missing)
        log.info("%s: files of this data set are not here; what DVC has of them is used", name)
        sums = known["files"]
    return {"plug_in": plugins.CUSTOM, "described": shown, "files": sums}
