"""The report as one HTML file that needs nothing beside it."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.reports.colours import colour
from pipeline.reports.verdict import verdict

__all__ = ["to_html"]

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}
th,td{white-space:nowrap;padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}th{border-bottom:2px solid #888}
i{display:inline-block;width:.8em;height:.8em;border-radius:50%;margin-right:.4em}img{max-width:100%}.note{color:#666}
"""

_PICTURES = {
    "leaderboard.png": "Test part, all methods",
    "improvements.png": "By groups of users and items",
    "validation.png": "Validation over the epochs",
    "quality_time.png": "Validation over the time of training",
    "weights.png": "Task weights of the proposed method",
}


def to_html(board: pd.DataFrame, metrics: Sequence[str], metric: str, pictures: Path) -> str:
    """The leader board, what it says in words, and the pictures of a folder.

    Args:
        board: See ``leader_board``.
        metrics: Columns to show, ``metric`` first.
        metric: What decides.
        pictures: Folder with the PNG files.
    """
    parts = ["<h1>Comparison</h1>"]
    for dataset, rows in board.groupby("dataset", sort=False):
        parts += [
            f"<h2>{html.escape(str(dataset))}</h2>",
            f"<p>{html.escape(verdict(rows, metric))}.</p>",
            _table(rows, metrics),
            '<p class="note">Difference: mean over the users, with its 95% interval; p: paired t-test over users, corrected '
            "over the methods of the data set (Holm).</p>",
        ]
    for name, title in _PICTURES.items():
        if (pictures / name).is_file():
            content = base64.b64encode((pictures / name).read_bytes()).decode()
            parts += [f"<h2>{title}</h2>", f'<img alt="{title}" src="data:image/png;base64,{content}">']
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Comparison</title><style>{_STYLE}</style>'
    return head + "\n".join(parts) + "</html>\n"


def _table(rows: pd.DataFrame, metrics: Sequence[str]) -> str:
    header = ["method", "seeds", metrics[0], "difference", "p", "seconds to best", *metrics[1:]]
    lines = ["<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in header) + "</tr>"]
    for row in rows.to_dict("records"):
        name = str(row["method"])
        difference, p = "-", "-"
        if pd.notna(row["difference"]):
            interval = f" ({row['low']:+.4f} to {row['high']:+.4f})" if pd.notna(row["low"]) else ""
            difference = f"{row['relative']:+.1%}{interval}"
            p = f"{row['p']:.2g}" if pd.notna(row["p"]) else "-"
        seconds = row.get("seconds")
        cells = [
            f'<i style="background:{colour(name)}"></i>{html.escape(name)}',
            str(row["n_seeds"]),
            f"{row[metrics[0]]:.4f}",
            difference,
            p,
            "-" if seconds is None or pd.isna(seconds) else f"{seconds:.3g}",
            *(f"{row[of]:.4f}" for of in metrics[1:]),
        ]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return '<div class="wide"><table>' + "".join(lines) + "</table></div>"
