"""Results of `dvc repro`, also of several projects, as the tables of docs/evidence.md: every method against one of them.

    python -m tests.benchmarks.evidence --against pmtrec --models docs/evidence/models.csv PROJECT... >table.md

Data sets that are `like` another (`lastfm_placebo` and `lastfm`) have the same users and the same split: their methods stand in
one table, as `pmtrec (placebo)`.
"""

import argparse
from pathlib import Path

import pandas as pd

from pipeline.comparison import Result, leader_board
from pipeline.data.storage import read_parquet
from pipeline.files import check_folder, dvc_hash, read_json
from pipeline.params import read_params

METRIC = "ndcg@20"


def read(project: Path) -> tuple[list[Result], list[dict[str, str]]]:
    """All results of a project, and which models they are of."""
    params = read_params(project / "params.yaml")
    results, models = [], []
    for folder in sorted(project.glob("results/*/*/*/")):
        dataset, method, seed = folder.parts[-3:]
        source = params.source(dataset)
        label = method if source == dataset else f"{method} ({dataset.removeprefix(source + '_')})"
        values, _ = read_parquet(check_folder(folder) / "per_user.parquet")
        metrics = read_json(folder / "metrics.json")
        results.append(Result(source, label, int(seed), metrics, values))
        made = dvc_hash(project / "models" / dataset / method / seed)
        run = f"{dataset}/{method}/{seed}"
        models.append({"run": run, "model": made, "result": dvc_hash(folder), METRIC: f"{metrics[METRIC]:.6f}"})
    return results, models


def table(results: list[Result], against: str) -> str:
    """One Markdown table per data set."""
    board = leader_board(results, METRIC, against, against)
    lines = []
    for dataset, rows in board.groupby("dataset", sort=False):
        header = [
            "method",
            "seeds",
            "NDCG@20",
            "Recall@20",
            f"NDCG@20 against {against}",
            "p",
            "d",
            "users worse off",
            "seeds ahead",
        ]
        lines += [f"**{dataset}**", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        for row in rows.to_dict("records"):
            cells = [
                str(row["method"]),
                str(row["n_seeds"]),
                f"{row[METRIC]:.4f} ± {row[METRIC + ' sd']:.4f}",
                f"{row['recall@20']:.4f}",
            ]
            if pd.isna(row["difference"]):
                cells += ["-"] * 5
            else:
                cells += [
                    f"{row['relative']:+.1%} ({row['low']:+.4f} to {row['high']:+.4f})",
                    f"{row['p']:.2g}",
                    f"{row['effect']:+.2f}",
                    f"{row['worse']:.0%}",
                    f"{row['ahead']:.0f}/{row['n_seeds']}",
                ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+")
    parser.add_argument("--against", default="pmtrec")
    parser.add_argument("--only", nargs="*", help="methods; by default all")
    parser.add_argument("--models", type=Path, help="where to write the runs' names and DVC's hashes of models and results")
    args = parser.parse_args()
    found = [read(project) for project in args.projects]
    everything = [(result.dataset, result.method, result.seed) for of_project, _ in found for result in of_project]
    if twice := {key for key in everything if everything.count(key) > 1}:
        raise SystemExit(f"in two projects: {sorted(twice)}")
    results = [result for of_project, _ in found for result in of_project if not args.only or result.method in args.only]
    if args.models:
        pd.DataFrame([model for _, models in found for model in models]).to_csv(args.models, index=False)
    print(table(results, args.against))


if __name__ == "__main__":
    main()
