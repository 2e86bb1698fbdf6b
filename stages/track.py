"""Models, histories and metrics -> the MLflow runs of these very files, and the registered model of each data set.

Has no outputs, so DVC runs it when they are others; and again where it has failed, as when no server could be reached.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path

from pipeline.errors import PmtrecError, joined
from pipeline.integrity import check_folder, read_json
from pipeline.tracking.completion import complete_run, tracked
from pipeline.tracking.registration import serve_best
from pipeline.tracking.sending import send_left_behind
from stages._checked import read_checked
from stages._stage import parser, run
from stages._trained import refitted, trained

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Find or restore every run, and bring it up to date; one that cannot be does not keep the next from it."""
    folders = ["processed", "tasks", "models", "results", "refits", "champions", "listed"]
    args = parser(__doc__, *folders, "checked", "params", "lock").parse_args(argv)
    chosen = read_checked(args.checked)["arguments"]
    check_folder(args.champions.parent)
    refused: list[PmtrecError] = []
    _attempt(refused, _send)
    for dataset, method, seed in product(chosen["datasets"], chosen["methods"], chosen["seeds"]):
        _attempt(refused, partial(_complete, args, dataset, method, seed))
    for dataset in chosen["datasets"]:
        _attempt(refused, partial(_serve, args, dataset))
    if refused:
        raise joined(refused)


def _send() -> None:
    with tracked() as client:
        if n_runs := send_left_behind(client):
            log.info("sent to MLflow what it had missed of %d run(s)", n_runs)


def _complete(args: argparse.Namespace, dataset: str, method: str, seed: int) -> None:
    found = trained(args, dataset, method, seed)
    with tracked() as client:
        log.info("%s: MLflow run %s is up to date", found.training.key, complete_run(client, found))


def _serve(args: argparse.Namespace, dataset: str) -> None:
    champion = read_json(Path(args.champions, f"{dataset}.json"))
    with tracked() as client:
        log.info("%s: %s", dataset, serve_best(client, refitted(args, dataset, champion), champion["valid"]))


def _attempt(refused: list[PmtrecError], work: Callable[[], None]) -> None:
    try:
        work()
    except PmtrecError as error:
        refused.append(error)


if __name__ == "__main__":
    run(main)
