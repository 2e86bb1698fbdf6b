"""Embeddings and the test part -> metrics, and one value per user and metric."""

import logging
from collections.abc import Sequence

import torch
from safetensors.torch import load_file

from pipeline import plugins
from pipeline.data.storage import load_split, write_parquet
from pipeline.evaluation import ItemLists, coverage, per_user, ranking_tables
from pipeline.files import check_folder, new_folder, write_json
from pipeline.params import read_params, unchanged
from pipeline.slices import by_item_popularity
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Rank the whole catalogue for every user with test items; training and validation items are masked."""
    args = parser(__doc__, "params", "processed", "model", "out").parse_args(argv)
    params = read_params(args.params)
    torch.set_num_threads(params.train.threads)
    tables = load_file(check_folder(args.model) / "embeddings.safetensors")
    split = load_split(check_folder(args.processed))
    seen = ItemLists.of([split.train, split.valid], split.n_users, split.n_items)
    relevant = ItemLists.of([split.test], split.n_users, split.n_items)
    metrics = {name: plugins.load("metrics", name) for name in params.evaluate.metrics}
    ranking = ranking_tables(tables, split.train, split.n_users)
    values, items = per_user(*ranking, seen, relevant, metrics, params.evaluate.cutoffs)
    means = {str(name): float(mean) for name, mean in values.drop(columns="user").mean().items()}
    means |= {f"coverage@{k}": coverage(items[:, :k], split.n_items) for k in params.evaluate.cutoffs}
    means |= by_item_popularity(items, torch.tensor(values["user"].to_numpy()), split, params.evaluate.cutoffs)
    log.info("test, %d users: %s", len(values), ", ".join(f"{name} {value:.4f}" for name, value in means.items()))
    with new_folder(args.out) as out:
        write_json(out / "metrics.json", means)
        write_parquet(out / "per_user.parquet", values)
        unchanged(args.params, params, lambda p: p.evaluate)


if __name__ == "__main__":
    run(main)
