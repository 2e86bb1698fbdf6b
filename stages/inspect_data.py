"""Read every data set that params.yaml lists, from where it lies; say what is in it and what is wrong. No stage of the DAG."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.data.survey import relations_of, summary
from pipeline.dataset_record import open_dataset, record
from pipeline.errors import InputError, PmtrecError
from pipeline.leaks import reached_tasks
from pipeline.params import read_params
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Print two tables per data set; a data set that is refused does not hide the next."""
    args = parser(__doc__, "params").parse_args(argv)
    params = read_params(args.params)
    # It would speak of the samples of the experiment.
    logging.getLogger("pipeline.data.preprocessing").setLevel(logging.WARNING)
    refused: list[PmtrecError] = []
    for name in params.datasets:
        try:
            dataset = open_dataset(record(args.params, params, name))
            with tempfile.TemporaryDirectory() as folder:
                dataset.fetch(Path(folder))
                raw = dataset.read(Path(folder))
        except PmtrecError as error:
            refused.append(error)
            continue
        log.info("\n%s\n%s", name, summary(raw).to_string(index=False, header=False))
        log.info("What cannot be kept from the side tasks: %s", dataset.leaks)
        if raw.relations:
            log.info("\n%s", relations_of(raw).to_string(index=False))
            if reached := reached_tasks(raw):
                line = f"{name}: held-out interactions are seen by {', '.join(sorted(reached))}. Fix: build from `train` alone"
                refused.append(InputError(line))
            else:
                log.info("\nOther held-out interactions leave every side task as it is: none of them reads what is held out.")
    if refused:
        raise type(refused[0])(*(problem for error in refused for problem in (error.table or error.problems)))


if __name__ == "__main__":
    run(main)
