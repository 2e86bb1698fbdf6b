"""All results -> leader board as Markdown, CSV, JSON and picture, and the validation curves."""

import logging
from collections.abc import Sequence

import pandas as pd

from pipeline.comparison import Result, costs, leader_board, to_markdown
from pipeline.data.storage import load_relations, load_split, read_parquet
from pipeline.files import check_folder, new_folder, read_json, write_json
from pipeline.gains import gains_by_popularity, gains_by_slice
from pipeline.params import read_params, unchanged
from pipeline.pictures import leader_board_picture, quality_picture, slices_picture, validation_picture, weights_picture
from pipeline.run_families import costs_of, log_comparison
from pipeline.slices import user_slices
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the data sets, methods and seeds that params.yaml lists; results of others are left alone."""
    args = parser(__doc__, "params", "processed", "tasks", "results", "models", "out").parse_args(argv)
    params = read_params(args.params)
    keys = [(d, m, s) for d in params.datasets for m in params.methods for s in params.seeds]
    results, histories, models = [], {}, {}
    for dataset, method, seed in keys:
        result = check_folder(args.results / dataset / method / str(seed))
        values, _ = read_parquet(result / "per_user.parquet")
        results.append(Result(dataset, method, seed, read_json(result / "metrics.json"), values))
        model = check_folder(args.models / dataset / method / str(seed))
        histories[dataset, method, seed], models[dataset, method, seed] = pd.read_csv(model / "history.csv"), model
    metric = params.compare.metric
    # The metric that decides comes first; what is no measure of quality, last; what is found by popularity only in the files.
    found = {name for result in results for name in result.metrics}
    names = sorted(found, key=lambda name: (name != metric, name.startswith(("coverage", "popularity")), name))
    slices = {
        dataset: user_slices(
            load_split(check_folder(args.processed / dataset)), load_relations(check_folder(args.tasks / dataset))
        )
        for dataset in params.datasets
    }
    measured: dict[tuple[str, str, int], pd.DataFrame] = {}
    for dataset in params.datasets:
        measured |= costs_of(dataset, {key: model for key, model in models.items() if key[0] == dataset})
    best = leader_board(results, metric, params.compare.method)
    board = leader_board(results, metric, params.compare.method, params.compare.against) if params.compare.against else best
    board = board.merge(costs(histories, measured), on=["dataset", "method"], how="left")
    text = to_markdown(board, [name for name in names if not name.startswith(("popularity", "recall_"))], metric)
    with new_folder(args.out) as out:
        (out / "leaderboard.md").write_text(text, encoding="utf-8")
        board.to_csv(out / "leaderboard.csv", index=False)
        board.to_json(out / "leaderboard.json", orient="records", indent=2)
        cutoff = int(metric.partition("@")[2])
        gains = pd.concat([gains_by_slice(results, best, metric, slices), gains_by_popularity(results, best, cutoff)])
        gains.to_csv(out / "slices.csv", index=False)
        slices_picture(gains, params.compare.method, metric).savefig(out / "slices.png")
        # A file each, because DVC shows metrics as a table with a row per file.
        for row in board.to_dict("records"):
            (out / "leaderboard" / row["dataset"]).mkdir(parents=True, exist_ok=True)
            known = {name: row[name] for name in names if pd.notna(row[name])}
            write_json(out / "leaderboard" / row["dataset"] / f"{row['method']}.json", known)
        leader_board_picture(board, metric).savefig(out / "leaderboard.png")
        validation_picture(histories).savefig(out / "validation.png")
        quality_picture(histories, measured).savefig(out / "quality_time.png")
        weights_picture(histories, params.compare.method).savefig(out / "weights.png")
        unchanged(args.params, params, lambda p: (p.datasets, p.methods, p.seeds, p.compare))
    for dataset in params.datasets:
        rows = board[board["dataset"] == dataset]
        of_dataset = [model for key, model in models.items() if key[0] == dataset]
        log_comparison(dataset, of_dataset, dict(zip(rows["method"], rows[metric], strict=True)), args.out)
    log.info("%s", to_markdown(board, [metric], metric))


if __name__ == "__main__":
    run(main)
