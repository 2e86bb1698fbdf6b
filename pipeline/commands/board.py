"""`pmtrec compare`: the leader board of the last `dvc repro`."""

from pathlib import Path

import pandas as pd

from pipeline.config.run_config import read_config
from pipeline.errors import InputError
from pipeline.integrity import check_folder
from pipeline.reports.verdict import verdict
from pipeline.terminal.screen import say, show_json, show_table

__all__ = ["compare"]

_REPORTS = Path("reports")


def compare(dataset: str | None, json: bool) -> None:
    """Show the table of the report, with intervals, and who leads.

    Raises:
        InputError: If there is no report, or none of the data set.
    """
    board = pd.read_csv(check_folder(_REPORTS) / "leaderboard.csv")
    if dataset is not None:
        board = board[board["dataset"] == dataset]
    if board.empty:
        raise InputError(f"{_REPORTS}: has nothing of {dataset!r}. Fix: add it to datasets in params.yaml, and run dvc repro")
    if json:
        show_json([{key: None if pd.isna(of) else of for key, of in row.items()} for row in board.to_dict("records")])
        return
    metric = read_config(Path("params.yaml")).compare.metric
    for name, rows in board.groupby("dataset", sort=False):
        shown = []
        for row in rows.to_dict("records"):
            interval = "-" if pd.isna(row["low"]) else f"{row['low']:+.4f} to {row['high']:+.4f}"
            gain = "-" if pd.isna(row["relative"]) else f"{row['relative']:+.1%}"
            p = "-" if pd.isna(row["p"]) else f"{row['p']:.2g}"
            shown.append(
                {"method": row["method"], metric: float(row[metric]), "difference": gain, "95% interval": interval, "p": p}
            )
        show_table(shown, str(name))
        say(verdict(rows, metric))
    say(f"The report is {_REPORTS / 'report.html'}")
    say("Next: pmtrec recommend, pmtrec app, pmtrec ui")
