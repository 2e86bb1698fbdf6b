"""The tables of docs/reproduction.md, from results of `dvc repro`.

    python -m tests.benchmarks.reproduction collect PROJECT...   # results -> docs/reproduction/*.csv
    python -m tests.benchmarks.reproduction write                # these -> the tables of docs/reproduction.md, and its picture

A project is a folder in which `dvc repro` has run with one of the params files of docs/reproduction/ as params.yaml. Each table
of the page stands between `<!-- name -->` and `<!-- end -->`; the text around it is written by hand.
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import scipy.stats
from matplotlib.figure import Figure

from pipeline.reports.leaderboard import leader_board
from pipeline.training.storage import load_history
from tests.benchmarks._runs import markdown, put_tables, read, searches, trials
from tests.sources import ROOT

PAGE = ROOT / "docs/reproduction.md"
FOLDER = ROOT / "docs/reproduction"
CURVES = ROOT / "docs/images/reproduction.png"

METRICS = [f"{metric}@{k}" for metric in ("recall", "ndcg") for k in (5, 10, 20, 40)]

# Table 2 of the paper, Office.
PAPER = {
    "equal_weights": (0.0243, 0.0401, 0.0655, 0.1074, 0.0192, 0.0253, 0.0334, 0.0443),
    "graddrop": (0.0281, 0.0458, 0.0752, 0.1139, 0.0229, 0.0295, 0.0387, 0.0489),
    "pcgrad": (0.0213, 0.0350, 0.0576, 0.0893, 0.0165, 0.0217, 0.0289, 0.0372),
    "gradvac": (0.0213, 0.0349, 0.0576, 0.0891, 0.0165, 0.0217, 0.0289, 0.0372),
    "cagrad": (0.0325, 0.0513, 0.0819, 0.1247, 0.0260, 0.0332, 0.0428, 0.0539),
    "aligned_mtl": (0.0144, 0.0248, 0.0417, 0.0676, 0.0124, 0.0163, 0.0217, 0.0287),
    "nash_mtl": (0.0224, 0.0403, 0.0685, 0.1100, 0.0198, 0.0267, 0.0362, 0.0474),
    "random_weights": (0.0336, 0.0553, 0.0849, 0.1321, 0.0259, 0.0344, 0.0439, 0.0562),
    "pmtrec": (0.0347, 0.0594, 0.0905, 0.1474, 0.0281, 0.0372, 0.0473, 0.0619),
}
# Table 3, Office: Recall@20 and NDCG@20 with no side task, the first, the second, both.
PAPER_TASKS = {
    "mf": ((0.0729, 0.0402), (0.0860, 0.0470), (0.0684, 0.0345), (0.0905, 0.0473)),
    "ngcf": ((0.0689, 0.0355), (0.0812, 0.0382), (0.0688, 0.0308), (0.0823, 0.0454)),
    "lightgcn": ((0.0723, 0.0380), (0.0846, 0.0450), (0.0713, 0.0332), (0.0931, 0.0466)),
}
TASK_SETS = ("alone", "task1", "task2", "both")
# Figure 4, Office: Recall@40 and NDCG@40.
PAPER_ABLATIONS = {"pmtrec": (0.1474, 0.0620), "pmtrec_without_focus": (0.1395, 0.0592), "pmtrec_without_gmb": (0.1468, 0.0619)}
ABLATIONS = (*PAPER_ABLATIONS, "pmtrec_table", "pmtrec_global", "pmtrec_inverse")
DATASETS = ("office", "ciao", "beauty")
CONTROLS = tuple(f"office_{name}" for name in ("biases", "long", "no_decay", "own", "positives", "sum"))
BEST = {"alpha": 1.04, "tau": 0.1}  # those of office.yaml
SAME = 0.1  # a number within a tenth of the paper's is reproduced


def collect(projects: list[Path]) -> None:
    """Write what the page needs: a row per training, comparisons with pmtrec, validation by epoch, trials of the searches."""
    results = read(projects)
    rows, curves = [], []
    for model, result in results.items():
        history = load_history(model).set_index("epoch")["valid/ndcg_at_20"]
        row: dict[str, Any] = {"dataset": result.dataset, "method": result.method, "seed": result.seed}
        row |= {"best epoch": history.idxmax(), "epochs": len(history), "valid ndcg@20": history.max()}
        rows.append(row | {name: f"{value:.6f}" for name, value in result.metrics.items()})
        curves += [(result.dataset, result.method, result.seed, epoch, f"{value:.5f}") for epoch, value in history.items()]
    pd.DataFrame(rows).to_csv(FOLDER / "results.csv", index=False)
    names = ["dataset", "method", "seed", "epoch", "valid ndcg@20"]
    pd.DataFrame(curves, columns=names).to_csv(FOLDER / "curves.csv", index=False)
    # The methods of one table are compared with each other; variants of one seed and other sets of tasks are not among them.
    listed = {"single_task", *PAPER, *ABLATIONS}
    compared = [result for result in results.values() if result.method in listed and result.dataset in DATASETS]
    board = leader_board(compared, "ndcg@20", "pmtrec", "pmtrec")
    columns = ["dataset", "method", "n_seeds", "difference", "low", "high", "relative", "p", "p_seeds", "effect", "ahead"]
    board[columns].dropna(subset="difference").to_csv(FOLDER / "comparisons.csv", index=False, float_format="%.4g")
    pd.DataFrame([row for project in projects for row in trials(project)]).to_csv(FOLDER / "trials.csv", index=False)


def write() -> None:
    """Put the tables into the page and draw its picture."""
    put_tables(PAGE, tables())
    draw()


def tables() -> dict[str, str]:
    """Name on the page -> Markdown."""
    results = pd.read_csv(FOLDER / "results.csv")
    comparisons = pd.read_csv(FOLDER / "comparisons.csv")
    found = {f"table2 {dataset}": _table2(results, comparisons, dataset) for dataset in DATASETS}
    found |= {
        "table3": _table3(results),
        "ablations": _ablations(results, comparisons),
        "settings": searches(FOLDER / "trials.csv"),
    }
    found |= {name: _sensitivity(results, name) for name in ("alpha", "tau")} | {"controls": _controls(results)}
    return found


def _of(results: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    return results[(results["dataset"] == dataset) & (results["method"] == method)]


def _verdict(ours: float, paper: float) -> str:
    relative = ours / paper - 1
    return "reproduced" if abs(relative) <= SAME else "better" if relative > 0 else "worse"


def _short(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


def _spread(seeds: pd.DataFrame, name: str) -> str:
    """Mean, and the standard deviation where there are several seeds."""
    mean = _short(seeds[name].mean())
    return f"{mean} ± {_short(seeds[name].std())}" if len(seeds) > 1 else mean


def _table2(results: pd.DataFrame, comparisons: pd.DataFrame, dataset: str) -> str:
    """Ours, and below it the paper's, where it has any."""
    rows = []
    for method in ("single_task", *PAPER):
        seeds = _of(results, dataset, method)
        if seeds.empty:
            continue
        mean = seeds[METRICS].mean()
        test = comparisons[(comparisons["dataset"] == dataset) & (comparisons["method"] == method)]
        against = "-" if test.empty else f"{test['relative'].iloc[0]:+.1%}"
        p = ["-", "-"] if test.empty else [f"{test[name].iloc[0]:.2g}" for name in ("p", "p_seeds")]
        cells = [_spread(seeds, name) if name in ("recall@20", "ndcg@20") else _short(mean[name]) for name in METRICS]
        rows.append([f"`{method}`", *cells, against, *p, f"{seeds['best epoch'].median():.0f}"])
        if dataset == "office" and method in PAPER:
            paper = dict(zip(METRICS, PAPER[method], strict=True))
            verdicts = [f"{_short(paper[name])} ({mean[name] / paper[name] - 1:+.0%})" for name in METRICS]
            rows.append([f"paper: {_verdict(mean['ndcg@20'], paper['ndcg@20'])}", *verdicts, "", "", "", ""])
        elif dataset == "office":
            recall, ndcg = PAPER_TASKS["mf"][0]
            known = {"recall@20": recall, "ndcg@20": ndcg}
            verdicts = [f"{_short(known[n])} ({mean[n] / known[n] - 1:+.0%})" if n in known else "" for n in METRICS]
            rows.append([f"paper: {_verdict(mean['ndcg@20'], ndcg)}", *verdicts, "", "", "", ""])
    names = [name.replace("recall", "R").replace("ndcg", "N") for name in METRICS]
    return markdown(["method", *names, "N@20 against `pmtrec`", "p (users)", "p (seeds)", "best epoch"], rows)


def _table3(results: pd.DataFrame) -> str:
    rows = []
    for encoder, paper in PAPER_TASKS.items():
        for tasks, (recall, ndcg) in zip(TASK_SETS, paper, strict=True):
            seeds = _of(results, f"office_{encoder}_{tasks}", "pmtrec")
            if encoder == "mf" and tasks in ("alone", "both"):
                seeds = _of(results, "office", "single_task" if tasks == "alone" else "pmtrec")
            if seeds.empty:
                continue
            mean = seeds[["recall@20", "ndcg@20"]].mean()
            cells = []
            for name, known in (("recall@20", recall), ("ndcg@20", ndcg)):
                cells += [_spread(seeds, name), f"{_short(known)} ({mean[name] / known - 1:+.0%})"]
            rows.append([encoder, tasks, *cells, _verdict(mean["ndcg@20"], ndcg)])
    return markdown(["encoder", "side tasks", "R@20", "paper", "N@20", "paper", ""], rows)


def _ablations(results: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    rows = []
    for dataset in DATASETS:
        for method in ABLATIONS:
            seeds = _of(results, dataset, method)
            if seeds.empty:
                continue
            mean = seeds[["recall@40", "ndcg@40"]].mean()
            cells = [_spread(seeds, name) for name in ("recall@40", "ndcg@40")]
            paper = PAPER_ABLATIONS.get(method) if dataset == "office" else None
            known = "-"
            if paper is not None:
                gaps = [f"{mean[name] / value - 1:+.0%}" for name, value in zip(("recall@40", "ndcg@40"), paper, strict=True)]
                known = f"{_short(paper[0])} / {_short(paper[1])} ({gaps[0]}, {gaps[1]})"
            test = comparisons[(comparisons["dataset"] == dataset) & (comparisons["method"] == method)]
            p = (
                ["-"] * 3
                if test.empty
                else [f"{test['relative'].iloc[0]:+.1%}", *(f"{test[n].iloc[0]:.2g}" for n in ("p", "p_seeds"))]
            )
            rows.append([dataset, f"`{method}`", *cells, known, *p])
    header = ["data set", "method", "R@40", "N@40", "paper", "N@20 against `pmtrec`", "p (users)", "p (seeds)"]
    return markdown(header, rows)


def _sensitivity(results: pd.DataFrame, option: str) -> str:
    """Methods are named like `tau_1em3`, for 1e-3, and `alpha_1p04`, for 1.04."""
    found: dict[float, list[str]] = {}
    one_seed = results[(results["dataset"] == "office") & (results["seed"] == 0)]
    for method, seeds in one_seed[one_seed["method"].str.match(f"{option}_|pmtrec$")].groupby("method"):
        name = str(method).removeprefix(f"{option}_").replace("p", ".").replace("m", "-")
        value = BEST[option] if method == "pmtrec" else float(name)
        quality = [_short(seeds[name].mean()) for name in ("valid ndcg@20", "recall@40", "ndcg@20")]
        found[value] = [f"{value:g}", *quality, f"{seeds['best epoch'].median():.0f}", f"{seeds['epochs'].median():.0f}"]
    header = [option, "validation N@20", "R@40", "N@20", "best epoch", "epochs"]
    return markdown(header, [found[value] for value in sorted(found)])


def _controls(results: pd.DataFrame) -> str:
    """NDCG@20, a row per control."""
    methods = ("single_task", "equal_weights", "random_weights", "pmtrec")
    rows = []
    for dataset in ("office", *sorted({name for name in results["dataset"] if name.startswith(CONTROLS)})):
        first = [_of(results, dataset, method).query("seed == 0") for method in methods]
        cells = [
            f"{_short(seed['ndcg@20'].mean())} ({seed['best epoch'].median():.0f})" if len(seed) else "-" for seed in first
        ]
        rows.append([f"`{dataset}`", *cells])
    return markdown(["seed 0, N@20 (best epoch)", *(f"`{method}`" for method in methods)], rows)


def draw() -> None:
    """Validation NDCG@20 by epoch, mean over the seeds that are still training."""
    curves = pd.read_csv(FOLDER / "curves.csv")
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7, 3.6), layout="constrained", dpi=110)
        axes = figure.subplots()
        for method in ("single_task", *PAPER):
            of = curves[(curves["dataset"] == "office") & (curves["method"] == method)]
            mean = of.groupby("epoch")["valid ndcg@20"].mean()
            axes.plot(mean.index, mean, label=method, linewidth=2.2 if method == "pmtrec" else 1)
        axes.set(xlabel="epoch", ylabel="validation NDCG@20", title="Office, mean over the seeds still training")
        axes.legend(frameon=False, ncols=2)
        figure.savefig(CURVES)


def order_of_rivals() -> float:
    """Spearman's correlation of the paper's order of the nine methods with ours (NDCG@20, Office)."""
    results = pd.read_csv(FOLDER / "results.csv")
    ours = [_of(results, "office", method)["ndcg@20"].mean() for method in PAPER]
    return float(scipy.stats.spearmanr(ours, [values[6] for values in PAPER.values()]).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["collect", "write"])
    parser.add_argument("projects", nargs="*", type=Path)
    args = parser.parse_args()
    if args.what == "collect":
        collect(args.projects)
    else:
        write()
        print(f"order of the rivals: Spearman {order_of_rivals():.2f}")


if __name__ == "__main__":
    main()
