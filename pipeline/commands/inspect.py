"""`pmtrec inspect`: read every data set of params.yaml from its source, and report its content and its errors."""

import logging
import tempfile
from pathlib import Path

from pipeline.config.arguments import preprocess_arguments
from pipeline.config.dataset_record import dataset_record
from pipeline.config.run_config import RunConfig, read_config
from pipeline.data.preprocessing import preprocess
from pipeline.data.splitting import Splitting
from pipeline.datasets.base import open_dataset
from pipeline.errors import PmtrecError, joined
from pipeline.inspection.leakage import refuse_leakage
from pipeline.inspection.profile import relations_of, summary

__all__ = ["inspect_all"]

log = logging.getLogger(__name__)


def inspect_all(params: Path = Path("params.yaml")) -> None:
    """Print two tables per data set; an invalid data set does not stop the next."""
    config = read_config(params)
    refused: list[PmtrecError] = []
    for name in config.datasets:
        try:
            _inspect(config, name)
        except PmtrecError as error:
            refused.append(error)
    if refused:
        raise joined(refused)


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
    preprocess(raw, **chosen | {"splitting": splitting})
    refuse_leakage(name, raw, found, splitting)
    log.info("Permuting the held-out interactions changed no side task: none reads any interactions but those of train.")
