"""All results -> leader board as Markdown, CSV, JSON and plot, improvements by group, validation curves."""

import logging
from collections.abc import Sequence
from itertools import product

from pipeline.artifacts import check_folder, new_folder
from pipeline.data.storage import load_split, load_tasks
from pipeline.evaluation.storage import load_evaluation
from pipeline.evaluation.user_groups import user_groups
from pipeline.reports.leaderboard import Result
from pipeline.reports.markdown import to_markdown
from pipeline.reports.report import write_report
from pipeline.tracking.nested_runs import costs_of, log_comparison
from pipeline.training.storage import load_history
from stages._checked import read_checked
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the data sets, methods and seeds that params.yaml lists; all other results are ignored."""
    args = parser(__doc__, "checked", "processed", "tasks", "results", "models", "out").parse_args(argv)
    chosen = read_checked(args.checked)["arguments"]
    datasets, metric = chosen["datasets"], chosen["metric"]
    keys = list(product(datasets, chosen["methods"], chosen["seeds"]))
    models = {(d, m, s): check_folder(args.models / d / m / str(s)) for d, m, s in keys}
    found = {(d, m, s): load_evaluation(args.results / d / m / str(s)) for d, m, s in keys}
    results = [Result(*key, one.metrics, one.per_user, one.item_groups) for key, one in found.items()]
    folders = {dataset: (check_folder(args.processed / dataset), check_folder(args.tasks / dataset)) for dataset in datasets}
    with new_folder(args.out) as out:
        board = write_report(
            out,
            results,
            {key: load_history(model) for key, model in models.items()},
            costs_of(models),
            {dataset: user_groups(load_split(processed), load_tasks(tasks)) for dataset, (processed, tasks) in folders.items()},
            **{name: chosen[name] for name in ("metrics", "metric", "method", "against", "lower_is_better")},
        )
    log_comparison(models, board, metric, args.out)
    log.info("%s", to_markdown(board, [metric], metric))


if __name__ == "__main__":
    run(main)
