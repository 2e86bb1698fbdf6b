"""Models, histories and metrics -> the MLflow runs of these very files.

Has no outputs, so DVC runs it when they are others; and again where it has failed, as when no server could be reached.
"""

import logging
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.artifacts import check_folder, json_text, read_json
from pipeline.data.storage import load_ids, load_split
from pipeline.errors import MachineError, joined
from pipeline.evaluation.storage import load_evaluation
from pipeline.tracking.completion import Trained, complete_run
from pipeline.tracking.provenance import Training, locked_stages
from pipeline.training.storage import load_history, load_tables
from stages._checked import read_checked
from stages._stage import parser, run

if TYPE_CHECKING:
    from pipeline.ranking.recommender import Recommender

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Find or restore every run, and bring it up to date; one that cannot be does not keep the next from it."""
    folders = ["processed", "tasks", "models", "results"]
    args = parser(__doc__, *folders, "checked", "params", "lock").parse_args(argv)
    chosen = read_checked(args.checked)["arguments"]
    refused = []
    for dataset, method, seed in product(chosen["datasets"], chosen["methods"], chosen["seeds"]):
        name, place = f"{dataset}/{method}/{seed}", Path(dataset, method, str(seed))
        inputs = {"processed": args.processed / dataset, "tasks": args.tasks / dataset}
        model = check_folder(args.models / place)
        found = load_evaluation(args.results / place)
        lock = locked_stages(args.lock, (f"@{dataset}", f"@{dataset}-{method}-{seed}"))
        trained = Trained(
            Training(dataset, name, read_json(model / "model.json")["params"], inputs, model),
            partial(load_history, model),
            args.results / place,
            {**found.metrics, **{f"recall_{group}": value for group, value in found.item_groups.items()}},
            partial(_recommender, inputs["processed"], model),
            {"params.yaml": args.params.read_text(encoding="utf-8"), "dvc.lock.json": json_text(lock)},
            partial(_plot, model, name),
        )
        try:
            log.info("%s: MLflow run %s is up to date", name, complete_run(trained))
        except MachineError as error:
            refused.append(error)
    if refused:
        raise joined(refused)


def _plot(model: Path, name: str, path: Path) -> None:
    from pipeline.reports.plots import save_run_plot  # late: most runs are complete already

    save_run_plot(model / "history.csv", name, path)


def _recommender(processed: Path, model: Path) -> "Recommender":
    from pipeline.ranking.recommender import Recommender

    users, items = (load_ids(check_folder(processed), kind) for kind in ("user", "item"))
    return Recommender.of(load_split(processed), users, items, load_tables(model))


if __name__ == "__main__":
    run(main)
