"""What the pages made from results read of projects in which `dvc repro` and `tune` have run."""

from collections.abc import Iterator
from pathlib import Path

import optuna
import pandas as pd

from pipeline.evaluation.storage import load_evaluation
from pipeline.reports.leaderboard import Result
from pipeline.training.tuning import state_of


def read(projects: list[Path]) -> dict[Path, Result]:
    """Folder of the model -> result; a training that several projects have made counts once."""
    found: dict[str, tuple[Path, Result]] = {}
    for project in projects:
        for folder in sorted(project.glob("results/*/*/*/")):
            dataset, method, seed = folder.parts[-3:]
            evaluation = load_evaluation(folder)
            result = Result(dataset, method, int(seed), evaluation.metrics, evaluation.per_user, evaluation.item_groups)
            found.setdefault(f"{dataset}/{method}/{seed}", (project / f"models/{dataset}/{method}/{seed}", result))
    return dict(found.values())


def trials(project: Path) -> Iterator[dict[str, object]]:
    """All finished trials of the searches of a project."""
    if not (project / "tuning.db").is_file():
        return
    storage = f"sqlite:///{project}/tuning.db"
    for search in sorted(optuna.get_all_study_names(storage)):
        for trial in optuna.load_study(study_name=search, storage=storage).trials:
            if trial.state.is_finished() and trial.state.name != "FAIL":
                history = trial.intermediate_values
                values = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in trial.user_attrs["values"].items())
                yield {
                    "search": search,
                    "trial": trial.number,
                    "state": state_of(trial).lower(),
                    "epochs": max(history, default=0),
                    "valid ndcg@20": f"{max(history.values(), default=0):.5f}",
                    "values": values,
                }


def searches(path: Path) -> str:
    """A table of what every search found, of a file of ``trials``."""
    rows = []
    for search, group in pd.read_csv(path).groupby("search", sort=False):
        best = group.sort_values("valid ndcg@20", ascending=False, kind="stable").to_dict("records")[0]
        rows.append([str(search).rpartition("/")[0], str(len(group)), f"`{best['values']}`", f"{best['valid ndcg@20']:.4f}"])
    return markdown(["data set / method", "trials", "best", "validation NDCG@20"], rows)


def put_tables(page: Path, tables: dict[str, str]) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- end -->` of every table."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        if begin:
            text = f"{before}{begin}{table}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    page.write_text(text, encoding="utf-8")


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
