"""What personal weights say: do they rise with the history, and how much of them is the entity, how much the step?

    python -m tests.benchmarks.personal_weights PROJECT DATASET METHOD... >table.md

Trains each method (seed 0, settings and data of the project) and looks at the weights of the main task in every step of some
epochs: the share of their variance that lies between entities (the intraclass correlation, by the analysis of variance with
unequal numbers), and Spearman's correlation of an entity's mean weight with the number of its training interactions.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import torch
from torch import Tensor

from pipeline.combiners.base import Combined, Combiner, RowGradients, Step
from pipeline.config.arguments import training
from pipeline.config.run_config import read_config
from pipeline.data.relation import ITEM, USER
from pipeline.data.storage import load_split, load_tasks
from pipeline.training import learning
from pipeline.training.components import build

EVERY = 10  # epochs


class Recorder:
    """Takes the place of ``build`` in a training and keeps the main task's weights of some epochs."""

    def __init__(self) -> None:
        self.seen: dict[int, list[tuple[Tensor, Tensor]]] = {}
        self.offsets: dict[str, tuple[int, int]] = {}

    def __call__(self, *args: object, **options: object) -> object:
        made = build(*args, **options)  # type: ignore[arg-type]
        nodes = made.encoder.nodes
        self.offsets = {kind: (nodes.offset(kind), nodes.sizes[kind]) for kind in (USER, ITEM)}
        made.combiner.register_forward_hook(self._record)
        return made

    def _record(self, _rule: Combiner, given: tuple[RowGradients, Step], combined: Combined) -> None:
        gradients, step = given
        if combined.weights is None or step.epoch % EVERY:
            return
        main = gradients.present[0]
        # Rules that keep the length of the sum have weights that sum to the number of tasks of the row. Those of pmtrec sum to
        # 1 with the tasks that did not touch the row, which are not among these.
        share = combined.weights[0, main] / combined.weights[:, main].sum(dim=0).clamp(min=1.0)
        self.seen.setdefault(step.epoch, []).append((gradients.rows[main].clone(), share.double().clone()))

    def tables(self) -> dict[int, pd.DataFrame]:
        """Epoch -> a row per entity and step."""
        return {
            epoch: pd.DataFrame({"row": torch.cat([r for r, _ in steps]), "weight": torch.cat([w for _, w in steps])})
            for epoch, steps in self.seen.items()
        }


def between(table: pd.DataFrame) -> float:
    """Intraclass correlation: variance between entities over that between and within them."""
    groups = table.groupby("row")["weight"].agg(["size", "mean", "var"])
    groups = groups[groups["size"] > 1]
    if len(groups) < 2:  # nothing lies between fewer
        return float("nan")
    n, mean = groups["size"].to_numpy(np.float64), groups["mean"].to_numpy(np.float64)
    within = float((groups["var"] * (n - 1)).sum() / (n - 1).sum())
    grand = (n * mean).sum() / n.sum()
    squares = float((n * (mean - grand) ** 2).sum() / (len(n) - 1))
    usual = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    variance = max((squares - within) / usual, 0.0)
    return variance / (variance + within) if variance + within > 0 else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("methods", nargs="+")
    args = parser.parse_args()
    config = read_config(args.project / "params.yaml")
    split = load_split(args.project / "data/processed" / args.dataset)
    tasks = load_tasks(args.project / "data/tasks" / args.dataset)
    histories = {USER: np.bincount(split.train["user"], minlength=split.n_users)}
    histories[ITEM] = np.bincount(split.train["item"], minlength=split.n_items)
    print("| method | epoch | nodes | mean weight | sd | between entities | correlation with history |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for method in args.methods:
        recorder = Recorder()
        vars(learning)["build"] = recorder
        learned = learning.learn(tasks, split, 0, lambda _: None, **training(config, args.dataset, method)["arguments"])
        last, tables = len(learned.history), recorder.tables()
        if not tables:
            print(f"{method}: shorter than {EVERY} epochs, or a rule without weights", file=sys.stderr)
            continue
        chosen = {min(tables), max(tables)} | {part // EVERY * EVERY for part in (last // 4, last // 2) if part >= EVERY}
        for epoch in sorted(chosen):
            for kind, (first, size) in recorder.offsets.items():
                of_kind = tables[epoch][tables[epoch]["row"].between(first, first + size - 1)]
                means = of_kind.groupby("row")["weight"].mean()
                history = histories[kind][means.index.to_numpy() - first]
                rank = scipy.stats.spearmanr(means, history).statistic
                cells = [
                    f"{of_kind['weight'].mean():.3f}",
                    f"{of_kind['weight'].std():.3f}",
                    f"{between(of_kind):.2f}",
                    f"{rank:+.2f}",
                ]
                print(f"| `{method}` | {epoch} of {last} | {kind}s | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
