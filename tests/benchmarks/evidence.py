"""Results of `dvc repro`, also of several projects, as the tables of docs/evidence.md: every method against one of them.

    python -m tests.benchmarks.evidence --against pmtrec_inverse PROJECT... >table.md
    python -m tests.benchmarks.evidence --against single_task --slices pmtrec_inverse PROJECT >slices.md
    python -m tests.benchmarks.evidence --effects PROJECT... >effects.md
    python -m tests.benchmarks.evidence --models docs/evidence/models.csv PROJECT...
    python -m tests.benchmarks.evidence --trials docs/evidence/tuning.csv PROJECT...

Data sets that are `like` another (`lastfm_placebo` and `lastfm`) and preprocessed as it have the same users and the same split:
their methods stand in one table, as `pmtrec_inverse (placebo)`.
"""

import argparse
import itertools
import subprocess
from pathlib import Path

import optuna
import pandas as pd
import scipy.stats

from pipeline.artifacts import check_folder, dvc_hash, read_json
from pipeline.config.plugin_options import method_of
from pipeline.config.run_config import read_config
from pipeline.data.storage import load_split, load_tasks
from pipeline.evaluation.storage import load_evaluation
from pipeline.evaluation.user_groups import user_groups
from pipeline.reports.improvements import improvements_by_item_group, improvements_by_user_group
from pipeline.reports.leaderboard import Result, leader_board, mean_over_seeds
from pipeline.training.tuning import state_of

TESTS = ("p (users)", "p (seeds)", "d", "users better off", "worse off", "seeds ahead")
FACTORS = {
    "granularity": ("entity", "table", "global"),
    "weights": ("inverse", "softmax", "proportional", "uniform"),
    "focus": ("convex", "none"),
}


def read(project: Path) -> list[Result]:
    """All results of a project."""
    params = read_config(project / "params.yaml")
    results = []
    for folder in sorted(project.glob("results/*/*/*/")):
        dataset, method, seed = folder.parts[-3:]
        source = params.source(dataset)
        if params.resolved(dataset).preprocess != params.resolved(source).preprocess:
            source = dataset
        label = method if source == dataset else f"{method} ({dataset.removeprefix(source + '_')})"
        found = load_evaluation(folder)
        results.append(Result(source, label, int(seed), found.metrics, found.per_user, found.item_groups))
    return results


def models_of(project: Path) -> list[dict[str, str]]:
    """The MLflow run of every result of a project, with the commit and DVC's hashes of its model and of itself."""
    rows = []
    head = ["git", "-C", str(project), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    for folder in sorted(project.glob("results/*/*/*/")):
        run = "/".join(folder.parts[-3:])
        made, result = dvc_hash(project / "models" / run), dvc_hash(folder)
        value = f"{read_json(folder / 'metrics.json')['ndcg@20']:.6f}"
        rows.append(
            {"params": project.resolve().name, "commit": commit, "run": run, "model": made, "result": result, "ndcg@20": value}
        )
    return rows


def trials_of(project: Path) -> list[dict[str, object]]:
    """All trials of `tune` in a project's tuning.db."""
    rows = []
    storage = f"sqlite:///{project}/tuning.db"
    for search in sorted(optuna.get_all_study_names(storage)):
        for trial in optuna.load_study(study_name=search, storage=storage).trials:
            if "values" in trial.user_attrs:
                row = {"search": search, "trial": trial.number, "state": state_of(trial).lower()}
                row["epochs"] = max(trial.intermediate_values, default=0)
                row["valid_ndcg"] = f"{max(trial.intermediate_values.values(), default=0):.5f}"
                row["values"] = " ".join(f"{key}={value}" for key, value in trial.user_attrs["values"].items())
                rows.append(row)
    return rows


def table(results: list[Result], against: str, cutoff: int) -> str:
    """One Markdown table per data set."""
    metric = f"ndcg@{cutoff}"
    what = [f"NDCG@{cutoff}", f"Recall@{cutoff}", f"NDCG@{cutoff} against {against}"]
    lines = []
    for dataset, rows in leader_board(results, metric, against, against).groupby("dataset", sort=False):
        lines += [f"**{dataset}**", "", *_header("method", "seeds", *what, *TESTS)]
        for row in rows.to_dict("records"):
            cells = [
                str(row["method"]),
                str(row["n_seeds"]),
                f"{row[metric]:.4f} ± {row[metric + ' sd']:.4f}",
                f"{row[f'recall@{cutoff}']:.4f}",
            ]
            if pd.isna(row["difference"]):
                cells += ["-"] * (1 + len(TESTS))
            else:
                cells += [
                    f"{row['relative']:+.1%} ({row['low']:+.4f} to {row['high']:+.4f})",
                    f"{row['p']:.2g}",
                    "-" if pd.isna(row["p_seeds"]) else f"{row['p_seeds']:.2g}",
                    f"{row['effect']:+.2f}",
                    f"{row['better']:.0%}",
                    f"{row['worse']:.0%}",
                    f"{row['ahead']:.0f}/{row['n_seeds']}",
                ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def slices_table(results: list[Result], project: Path, method: str, against: str, cutoff: int) -> str:
    """What a method gains, by slice of the users (NDCG) and by popularity of the items (recall), in one Markdown table."""
    metric = f"ndcg@{cutoff}"
    pair = [result for result in results if result.method in (method, against)]
    slices = {
        dataset: user_groups(
            load_split(check_folder(project / "data/processed" / dataset)),
            load_tasks(check_folder(project / "data/tasks" / dataset)),
        )
        for dataset in dict.fromkeys(result.dataset for result in pair)
    }
    board = leader_board(pair, metric, method, against)
    gains = pd.concat(
        [improvements_by_user_group(pair, board, metric, slices), improvements_by_item_group(pair, board, cutoff)]
    )
    lines = _header("data set", "slice", "of", against, f"{method} gains", "worse")
    for row in gains.to_dict("records"):
        gain = f"{row['difference'] / row['baseline']:+.1%} ({row['low']:+.4f} to {row['high']:+.4f})"
        cells = [
            row["dataset"],
            f"{row['kind']}: {row['slice']}",
            f"{row['n']:,} {row['over']}",
            f"{row['baseline']:.4f}",
            gain,
        ]
        lines.append("| " + " | ".join([*cells, f"{row['worse']:.0%}"]) + " |")
    return "\n".join(lines)


def effects_table(results: list[Result], project: Path, cutoff: int) -> str:
    """The factorial granularity x weights x focus: each cell, and what a level adds to the mean of all cells, by user.

    Uniform weights without focus are equal weights, whatever the granularity.
    """
    metric = f"ndcg@{cutoff}"
    params = read_config(project / "params.yaml")
    of_cell: dict[tuple[str, ...], str] = {(level, "uniform", "none"): "equal_weights" for level in FACTORS["granularity"]}
    _, usual = method_of(params, "pmtrec_inverse")
    for name in params.methods:
        rule, options = method_of(params, name)
        if rule == "pmtrec_inverse" and options == usual | {factor: options[factor] for factor in FACTORS}:
            of_cell.setdefault(tuple(options[factor] for factor in FACTORS), name)
    lines = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        runs = {
            cell: [result for result in results if (result.dataset, result.method) == (dataset, method)]
            for cell, method in of_cell.items()
        }
        weights = [of for of in FACTORS["weights"] if all(group for cell, group in runs.items() if cell[1] == of)]
        runs = {cell: group for cell, group in runs.items() if cell[1] in weights}
        if not runs:
            continue
        users = pd.DataFrame({cell: mean_over_seeds(group, metric) for cell, group in runs.items()})
        seeds = pd.DataFrame({cell: {r.seed: r.metrics[metric] for r in group} for cell, group in runs.items()})
        lines += [f"**{dataset}**", "", *_header("granularity", "weights", "with focus", "without")]
        for granularity, of in itertools.product(FACTORS["granularity"], weights):
            row = [f"{users[granularity, of, focus].mean():.4f}" for focus in FACTORS["focus"]]
            lines.append("| " + " | ".join([granularity, of, *row]) + " |")
        lines += ["", *_header("factor", "level", "against the mean of all cells", "p (seeds)")]
        for place, (factor, levels) in enumerate(FACTORS.items()):
            for level in levels if factor != "weights" else weights:
                added, by_seed = (_added(table, place, level) for table in (users, seeds))
                low, high = scipy.stats.ttest_1samp(added, 0.0).confidence_interval()
                gain = f"{added.mean() / users.to_numpy().mean():+.1%} ({low:+.4f} to {high:+.4f})"
                p = scipy.stats.ttest_1samp(by_seed, 0.0).pvalue
                lines.append(f"| {factor} | {level} | {gain} | {p:.2g} |")
        lines.append("")
    return "\n".join(lines)


def _added(table: pd.DataFrame, place: int, level: str) -> "pd.Series[float]":
    """Row by row: the mean over the cells of a level less that over all cells."""
    of_level = [cell for cell in table.columns if cell[place] == level]
    return table[of_level].mean(axis=1) - table.mean(axis=1)


def _header(*names: str) -> list[str]:
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+")
    parser.add_argument("--against", default="pmtrec_inverse")
    parser.add_argument("--only", nargs="*", help="methods; by default all")
    parser.add_argument("--cutoff", type=int, default=20)
    parser.add_argument("--slices", help="instead: what this method gains, by slice (one project)")
    parser.add_argument(
        "--effects", action="store_true", help="instead: the factorial of the options of pmtrec_inverse and its main effects"
    )
    parser.add_argument("--models", type=Path, help="instead: where to write the runs' names and DVC's hashes")
    parser.add_argument("--trials", type=Path, help="instead: where to write the trials of tune")
    args = parser.parse_args()
    for path, rows_of in ((args.models, models_of), (args.trials, trials_of)):
        if path:
            pd.DataFrame([row for project in args.projects for row in rows_of(project)]).to_csv(path, index=False)
            return
    found = [result for project in args.projects for result in read(project)]
    everything = [(result.dataset, result.method, result.seed) for result in found]
    if twice := {key for key in everything if everything.count(key) > 1}:
        raise SystemExit(f"in two projects: {sorted(twice)}")
    results = [result for result in found if not args.only or result.method in args.only]
    if args.effects:
        print(effects_table(results, args.projects[0], args.cutoff))
    elif args.slices:
        print(slices_table(results, args.projects[0], args.slices, args.against, args.cutoff))
    else:
        print(table(results, args.against, args.cutoff))


if __name__ == "__main__":
    main()
