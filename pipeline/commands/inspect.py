"""`pmtrec inspect`: read every data set of params.yaml from its source, and report its content and its errors."""

import logging
import re
import tempfile
from pathlib import Path

from pipeline.config.arguments import preprocess_arguments
from pipeline.config.dataset_record import dataset_record
from pipeline.config.run_config import RunConfig, read_config
from pipeline.data.preprocessing import preprocess
from pipeline.data.splitting import Splitting
from pipeline.datasets.base import open_dataset
from pipeline.errors import ParamsError, PmtrecError, about, joined
from pipeline.inspection.leakage import refuse_leakage
from pipeline.inspection.profile import relations_of, summary

__all__ = ["inspect_all"]

log = logging.getLogger(__name__)


def inspect_all(params: Path = Path("params.yaml")) -> None:
    """Print two tables per data set; an invalid data set, or description of one, does not stop the next."""
    config, refused = _readable(params)
    for name in config.datasets:
        try:
            _inspect(config, name)
        except PmtrecError as error:
            refused.append(error)
    if refused:
        raise joined(refused)


def _readable(params: Path) -> tuple[RunConfig, list[PmtrecError]]:
    """What can be read of params.yaml if the descriptions of own data sets that are wrong are left out."""
    try:
        return read_config(params), []
    except ParamsError as error:
        wrong = {
            found[1] for line in error.problems if (found := re.match(rf"{re.escape(str(params))}: custom\.(\w+)\.", line))
        }
        if not wrong:
            raise
        try:
            return read_config(params, leave_out=wrong), [error]
        except ParamsError:
            raise error from None


def _inspect(config: RunConfig, name: str) -> None:
    recorded = dataset_record(config, name)
    dataset = open_dataset(recorded["plug_in"], recorded.get("described"))
    with tempfile.TemporaryDirectory() as folder:
        dataset.fetch(Path(folder))
        raw = dataset.read(Path(folder))
    log.info("\n%s\n%s", name, summary(raw).to_string(index=False, header=False))
    found = relations_of(raw)
    if raw.relations:
        log.info(
            "\n%s\n\nLeakage into the side tasks that cannot be ruled out: %s",
            found.drop(columns="derived").to_string(index=False),
            dataset.leaks,
        )
    log.info("\nPreprocessed as in %s:", config.path)
    chosen = preprocess_arguments(config.resolved(name))
    splitting = Splitting(**chosen["splitting"])
    with about(name):
        preprocess(raw, **chosen | {"splitting": splitting})
    refuse_leakage(name, raw, found, splitting)
    log.info("Permuting the held-out interactions changed no side task: none reads any interactions but those of train.")
