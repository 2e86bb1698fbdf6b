"""Results of `dvc repro`, also of several projects, as the tables of docs/evidence.md: every method against one of them.

    python -m tests.benchmarks.evidence --against pmtrec --models docs/evidence/models.csv PROJECT... >table.md
    python -m tests.benchmarks.evidence --against single_task --slices pmtrec PROJECT >slices.md

Data sets that are `like` another (`lastfm_placebo` and `lastfm`) have the same users and the same split: their methods stand in
one table, as `pmtrec (placebo)`.
"""

import argparse
from pathlib import Path

import pandas as pd

from pipeline.comparison import Result, gains_by_slice, leader_board
from pipeline.data.storage import load_relations, load_split, read_parquet
from pipeline.files import check_folder, dvc_hash, read_json
from pipeline.params import read_params
from pipeline.slices import user_slices


def read(project: Path, metric: str) -> tuple[list[Result], list[dict[str, str]]]:
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
        models.append({"run": run, "model": made, "result": dvc_hash(folder), metric: f"{metrics[metric]:.6f}"})
    return results, models


def table(results: list[Result], against: str, cutoff: int) -> str:
    """One Markdown table per data set."""
    metric = f"ndcg@{cutoff}"
    what = [f"NDCG@{cutoff}", f"Recall@{cutoff}", f"NDCG@{cutoff} against {against}"]
    lines = []
    for dataset, rows in leader_board(results, metric, against, against).groupby("dataset", sort=False):
        lines += [f"**{dataset}**", "", *_header("method", "seeds", *what, "p", "d", "users worse off", "seeds ahead")]
        for row in rows.to_dict("records"):
            cells = [
                str(row["method"]),
                str(row["n_seeds"]),
                f"{row[metric]:.4f} ± {row[metric + ' sd']:.4f}",
                f"{row[f'recall@{cutoff}']:.4f}",
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


def slices_table(results: list[Result], project: Path, method: str, against: str, cutoff: int) -> str:
    """What a method gains, by slice of the users, in one Markdown table."""
    metric = f"ndcg@{cutoff}"
    pair = [result for result in results if result.method in (method, against)]
    slices = {
        dataset: user_slices(
            load_split(check_folder(project / "data/processed" / dataset)),
            load_relations(check_folder(project / "data/tasks" / dataset)),
        )
        for dataset in dict.fromkeys(result.dataset for result in pair)
    }
    gains = gains_by_slice(pair, leader_board(pair, metric, method, against), metric, slices)
    lines = _header("data set", "slice", "users", against, f"{method} gains", "worse off")
    for row in gains.to_dict("records"):
        gain = f"{row['difference'] / row['baseline']:+.1%} ({row['low']:+.4f} to {row['high']:+.4f})"
        cells = [row["dataset"], f"{row['kind']}: {row['slice']}", f"{row['n_users']:,}", f"{row['baseline']:.4f}", gain]
        lines.append("| " + " | ".join([*cells, f"{row['worse']:.0%}"]) + " |")
    return "\n".join(lines)


def _header(*names: str) -> list[str]:
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+")
    parser.add_argument("--against", default="pmtrec")
    parser.add_argument("--only", nargs="*", help="methods; by default all")
    parser.add_argument("--cutoff", type=int, default=20)
    parser.add_argument("--slices", help="instead: what this method gains, by slice of the users (one project)")
    parser.add_argument("--models", type=Path, help="where to write the runs' names and DVC's hashes of models and results")
    args = parser.parse_args()
    found = [read(project, f"ndcg@{args.cutoff}") for project in args.projects]
    everything = [(result.dataset, result.method, result.seed) for of_project, _ in found for result in of_project]
    if twice := {key for key in everything if everything.count(key) > 1}:
        raise SystemExit(f"in two projects: {sorted(twice)}")
    results = [result for of_project, _ in found for result in of_project if not args.only or result.method in args.only]
    if args.models:
        pd.DataFrame([model for _, models in found for model in models]).to_csv(args.models, index=False)
    if args.slices:
        print(slices_table(results, args.projects[0], args.slices, args.against, args.cutoff))
    else:
        print(table(results, args.against, args.cutoff))


if __name__ == "__main__":
    main()
