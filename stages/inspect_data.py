"""Read every data set that params.yaml lists, from where it lies; say what is in it and what is wrong. No stage of the DAG."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.data.preprocessing import preprocess
from pipeline.data.survey import relations_of, summary
from pipeline.dataset_record import open_dataset, record
from pipeline.errors import InputError, PmtrecError, joined
from pipeline.leaks import reached_tasks
from pipeline.params import Params, read_params
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Print two tables per data set; a data set that is refused does not hide the next."""
    args = parser(__doc__, "params").parse_args(argv)
    params = read_params(args.params)
    refused: list[PmtrecError] = []
    for name in params.datasets:
        try:
            _inspect(args.params, params, name)
        except PmtrecError as error:
            refused.append(error)
    if refused:
        raise joined(refused)


def _inspect(path: Path, params: Params, name: str) -> None:
    dataset = open_dataset(record(path, params, name))
    with tempfile.TemporaryDirectory() as folder:
        dataset.fetch(Path(folder))
        raw = dataset.read(Path(folder))
    log.info("\n%s\n%s", name, summary(raw).to_string(index=False, header=False))
    found = relations_of(raw)
    if raw.relations:
        log.info(
            "\n%s\n\nWhat cannot be kept from the side tasks: %s",
            found.drop(columns="derived").to_string(index=False),
            dataset.leaks,
        )
    log.info("\nWith preprocess as in %s:", path)
    chosen = params.of(path, name).preprocess
    preprocess(raw, min_rating=chosen.min_rating, k=chosen.k_core, splitting=chosen.splitting())
    if raw.relations and (derived := found["relation"][found["derived"]].tolist()):
        problem = "links nearly all that have interactions in common, as if it had been counted on them, held-out ones included"
        raise InputError(*(f"{name}.{relation}: {problem}. Fix: leave this relation out" for relation in derived))
    if reached := reached_tasks(raw, chosen.splitting()):
        problem = f"{', '.join(sorted(reached))} change with what is held out"
        raise InputError(f"{name}: {problem}. Fix: make them from the training interactions alone")
    log.info("Exchanging the held-out interactions changed no side task: none reads more of the interactions than train.")


if __name__ == "__main__":
    run(main)
