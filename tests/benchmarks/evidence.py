"""The tables of docs/explanation/evidence.md, from results of `dvc repro` and `tune`.

    python -m tests.benchmarks.evidence collect PROJECT...   # results -> docs/explanation/evidence/*.csv
    python -m tests.benchmarks.evidence write                # these -> the tables of the page

A project is a folder in which `dvc repro` has run with a params file of docs/explanation/evidence/ as params.yaml. Each
table of the page stands between `<!-- name -->` and `<!-- end -->`; the text around it is written by hand.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.data.storage import load_split, load_tasks
from pipeline.evaluation.significance import paired_test
from pipeline.evaluation.user_groups import user_groups
from pipeline.integrity import dvc_hash
from pipeline.reports.cost_table import costs
from pipeline.reports.improvements import improvements_by_item_group, improvements_by_user_group
from pipeline.reports.leaderboard import Result, leader_board
from pipeline.training.costs import load_costs
from pipeline.training.storage import load_history
from tests.benchmarks._runs import markdown, put_tables, read, searches, trials
from tests.sources import ROOT

PAGE = ROOT / "docs/explanation/evidence.md"
FOLDER = ROOT / "docs/explanation/evidence"

OURS, GLOBAL, FEATURES = "ials_attributes", "ials_attributes_global", "ials_features"
METRIC = "ndcg@20"
_ROUNDING = 1e-9
DETERMINISTIC = ("popularity", "item_knn", "item_knn_attributes", "ease", "cease", "add_ease", "slim")


def collect(projects: list[Path]) -> None:
    """Write what the page needs: a row per training, the leader boards, gains by group, trials of the searches."""
    found = read(projects)
    rows: list[dict[str, Any]] = []
    measured: dict[tuple[str, str, int], pd.DataFrame] = {}
    histories, groups = {}, {}
    for project in projects:
        mine = {(r.dataset, r.method, r.seed): model for model, r in found.items() if model.is_relative_to(project)}
        places = {key: project / "costs" / model.relative_to(project / "models") for key, model in mine.items()}
        measured |= {key: load_costs(place) for key, place in places.items() if place.is_dir()}
        for dataset in dict.fromkeys(dataset for dataset, _, _ in mine):
            split, tasks = load_split(project / "data/processed" / dataset), load_tasks(project / "data/tasks" / dataset)
            groups[dataset] = user_groups(split, tasks)
    for model, result in found.items():
        key = (result.dataset, result.method, result.seed)
        histories[key] = load_history(model)
        row = {"dataset": result.dataset, "method": result.method, "seed": result.seed}
        best = histories[key].set_index("epoch")["valid/ndcg_at_20"]
        row |= {"model": dvc_hash(model), "best epoch": best.idxmax(), "valid ndcg@20": f"{best.max():.6f}"}
        values = {**result.metrics, **{f"recall of {group}": value for group, value in result.item_groups.items()}}
        rows.append(row | {name: f"{value:.6f}" for name, value in values.items()})
    pd.DataFrame(rows).sort_values(["dataset", "method", "seed"]).to_csv(FOLDER / "results.csv", index=False)
    results = _for_all_seeds([result for result in found.values() if result.method != GLOBAL])
    board = leader_board(results, METRIC, OURS)
    gains = improvements_by_user_group(results, board, METRIC, groups)
    gains = pd.concat([gains, improvements_by_item_group(results, board, 20)])
    gains[gains["method"] == OURS].to_csv(FOLDER / "improvements.csv", index=False, float_format="%.5g")
    others = leader_board([result for result in results if result.method != FEATURES], METRIC, OURS)
    others[others["method"] == OURS].to_csv(FOLDER / "without_features.csv", index=False, float_format="%.5g")
    board = board.merge(costs(histories, measured), on=["dataset", "method"], how="left")
    board.to_csv(FOLDER / "leaderboard.csv", index=False, float_format="%.5g")
    pd.DataFrame([row for project in projects for row in trials(project)]).to_csv(FOLDER / "trials.csv", index=False)


def _for_all_seeds(results: list[Result]) -> list[Result]:
    """Results of methods that draw nothing, which were trained once, for the seeds of the others."""
    seeds = {dataset: {one.seed for one in results if one.dataset == dataset} for dataset in {one.dataset for one in results}}
    once = [one for one in results if one.method in DETERMINISTIC and one.seed == 0]
    rest = [one for one in results if one.method not in DETERMINISTIC]
    return [*(replace(one, seed=seed) for one in once for seed in sorted(seeds[one.dataset])), *rest]


def tables() -> dict[str, str]:
    """Name on the page -> Markdown."""
    results, board = pd.read_csv(FOLDER / "results.csv"), pd.read_csv(FOLDER / "leaderboard.csv")
    found = {f"board {dataset}": _board(rows) for dataset, rows in board.groupby("dataset", sort=False)}
    found |= {"targets": _targets(board), "personal": _personal(results), "settings": searches(FOLDER / "trials.csv")}
    return found | {"groups": _groups(pd.read_csv(FOLDER / "improvements.csv"))}


def _board(board: pd.DataFrame) -> str:
    rows = []
    for row in board.to_dict("records"):
        spread = "" if not row[f"{METRIC} sd"] > _ROUNDING else f" ± {row[f'{METRIC} sd']:.4f}"
        rows.append(
            [
                f"`{row['method']}`",
                f"{row[METRIC]:.4f}{spread}",
                f"{row['recall@20']:.4f}",
                *(
                    ["-"] * 5
                    if pd.isna(row["baseline"])
                    else [
                        _difference(row),
                        _p(row["p"]),
                        _p(row["p_seeds"]),
                        f"{row['worse']:.0%}",
                        f"{row['ahead']:.0f}/{row['n_seeds']}",
                    ]
                ),
                f"{row['coverage@20']:.2f}",
                f"{row['seconds']:.1f}",
            ]
        )
    against = board["baseline"].dropna().iloc[0]
    header = ["method", "N@20", "R@20", f"against `{against}`", "p (users)", "p (seeds)", "worse off", "ahead", "coverage", "s"]
    return markdown(header, rows)


def _targets(board: pd.DataFrame) -> str:
    """Ours and the best baseline of every data set: of all, and of those that predict no embedding from attributes."""
    others = pd.read_csv(FOLDER / "without_features.csv").set_index("dataset")
    rows = []
    for row in board[board["method"] == OURS].to_dict("records"):
        other = others.loc[row["dataset"]]
        cells = [f"`{row['baseline']}`", _difference(row), f"`{other['baseline']}`", _difference(other)]
        rows.append([row["dataset"], f"{row[METRIC]:.4f}", *cells, _p(other["p"]), _p(other["p_seeds"])])
    header = [
        "data set",
        f"`{OURS}`",
        "best baseline",
        "difference",
        f"best but `{FEATURES}`",
        "difference",
        "p (users)",
        "p (seeds)",
    ]
    return markdown(header, rows)


def _difference(row: Any) -> str:
    interval = "" if pd.isna(row["low"]) else f" ({row['low']:+.4f} to {row['high']:+.4f})"
    return f"{row['relative']:+.1%}{interval}"


def _personal(results: pd.DataFrame) -> str:
    """Strengths scaled by history against the same for all, paired by seed."""
    rows = []
    for dataset, of_dataset in results.groupby("dataset", sort=False):
        wide = of_dataset.pivot_table(index="seed", columns="method", values=METRIC)
        if OURS in wide and GLOBAL in wide:
            test = paired_test((wide[OURS] - wide[GLOBAL]).dropna().to_numpy())
            means = [f"{wide[name].mean():.4f}" for name in (OURS, GLOBAL)]
            rows.append(
                [str(dataset), str(len(wide)), *means, f"{test.mean:+.4f} ({test.low:+.4f} to {test.high:+.4f})", _p(test.p)]
            )
    return markdown(["data set", "seeds", "by history", "the same for all", "difference", "p (seeds)"], rows)


def _groups(gains: pd.DataFrame) -> str:
    """What ours gains over the best baseline, by history and popularity."""
    chosen = gains[(gains["method"] == OURS) & gains["kind"].isin(["history", "items"])]
    rows = [
        [str(row["dataset"]), row["kind"], row["slice"], f"{row['n']}", f"{row['baseline']:.4f}", f"{row['difference']:+.4f}"]
        for row in chosen.to_dict("records")
    ]
    return markdown(["data set", "group of", "", "n", "best baseline", "difference"], rows)


def _p(value: Any) -> str:
    return "-" if pd.isna(value) else f"{value:.1g}"


def main() -> None:
    """Collect or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["collect", "write"])
    parser.add_argument("projects", nargs="*", type=Path)
    args = parser.parse_args()
    if args.what == "collect":
        collect(args.projects)
    else:
        put_tables(PAGE, tables())


if __name__ == "__main__":
    main()
