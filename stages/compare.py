"""All results -> leader board as Markdown, HTML, CSV, JSON and plots, improvements by group, validation curves."""

import logging
from collections.abc import Sequence
from itertools import product

from pipeline.artifacts import new_folder
from pipeline.data.storage import load_split, load_tasks
from pipeline.evaluation.storage import load_evaluation
from pipeline.evaluation.user_groups import user_groups
from pipeline.integrity import check_folder, read_json
from pipeline.reports.leaderboard import Result
from pipeline.reports.markdown import to_markdown
from pipeline.reports.report import write_report
from pipeline.reports.verdict import verdict
from pipeline.tracking.nested_runs import log_comparison
from pipeline.training.costs import load_costs
from pipeline.training.storage import load_history
from stages._checked import read_checked
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the data sets, methods and seeds that params.yaml lists; all other results are ignored."""
    folders = ["processed", "tasks", "results", "models", "costs", "listed"]
    args = parser(__doc__, "checked", *folders, "out").parse_args(argv)
    chosen = read_checked(args.checked)["arguments"]
    datasets, metric = chosen["datasets"], chosen["metric"]
    keys = list(product(datasets, chosen["methods"], chosen["seeds"]))
    models = {(d, m, s): check_folder(args.models / d / m / str(s)) for d, m, s in keys}
    found = {(d, m, s): load_evaluation(args.results / d / m / str(s)) for d, m, s in keys}
    results = [Result(*key, one.metrics, one.per_user, one.item_groups) for key, one in found.items()]
    inputs = {dataset: (check_folder(args.processed / dataset), check_folder(args.tasks / dataset)) for dataset in datasets}
    with new_folder(args.out) as out:
        board = write_report(
            out,
            results,
            {key: load_history(model) for key, model in models.items()},
            {(d, m, s): load_costs(args.costs / d / m / str(s)) for d, m, s in keys},
            {dataset: user_groups(load_split(processed), load_tasks(tasks)) for dataset, (processed, tasks) in inputs.items()},
            **{name: chosen[name] for name in ("metrics", "metric", "method", "against", "lower_is_better")},
        )
    listed = read_json(args.listed)
    hashes = {d: [listed[f"{d}/{m}/{s}"]["models"] for of, m, s in keys if of == d] for d in datasets}
    boards = {str(dataset): rows for dataset, rows in board.groupby("dataset", sort=False)}
    tables = {dataset: to_markdown(rows, [metric], metric) for dataset, rows in boards.items()}
    words = {dataset: f"{verdict(rows, metric)}\n\n{tables[dataset]}" for dataset, rows in boards.items()}
    log_comparison(hashes, board, metric, words, args.out)
    log.info("%s", to_markdown(board, [metric], metric))
    for rows in boards.values():
        log.info("%s", verdict(rows, metric))
    log.info("The report is %s", args.out / "report.html")
    log.info("Next: pmtrec recommend asks the champion, pmtrec app is a page, pmtrec ui shows the runs")


if __name__ == "__main__":
    run(main)
