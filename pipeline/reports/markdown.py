"""The leader board as Markdown."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.reports.cost_table import COSTS

__all__ = ["to_markdown"]


def to_markdown(board: pd.DataFrame, metrics: Sequence[str], metric: str) -> str:
    """One Markdown table per data set."""
    lines = ["# Leader board", ""]
    for dataset, rows in board.groupby("dataset", sort=False):
        baseline = rows["baseline"].dropna()
        lines += [f"## {dataset}", ""]
        what = "95% CI; Holm-corrected p over users and over seeds; Cohen's d; users better and worse off; seeds ahead"
        against = f"{metric} against {baseline.iloc[0]} ({what})" if len(baseline) else "difference"
        header = ["method", "seeds", *metrics, against, *(COSTS.values() if "seconds" in board else ())]
        lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        for row in rows.to_dict("records"):
            cells = [
                str(row["method"]),
                str(row["n_seeds"]),
                *(_mean_and_sd(row, name) for name in metrics),
                _gain(row),
                *("-" if pd.isna(row[name]) else f"{row[name]:.3g}" for name in COSTS if name in row),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _mean_and_sd(row: Mapping[Hashable, Any], name: str) -> str:
    sd = row[f"{name} sd"]
    return f"{row[name]:.4f}" + ("" if pd.isna(sd) else f" ± {sd:.4f}")


def _gain(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["difference"]):
        return "-"
    seeds = f"{row['ahead']:.0f}/{row['n_seeds']} seeds"
    over_seeds = "" if pd.isna(row["p_seeds"]) else f", {row['p_seeds']:.2g}"
    if pd.isna(row["p"]):  # a metric of the whole ranking
        return f"{row['relative']:+.1%} (p over seeds{over_seeds or ' -'}); {seeds}"
    test = f"{row['relative']:+.1%} ({row['low']:+.4f} to {row['high']:+.4f}; p = {row['p']:.2g}{over_seeds})"
    users = f"{row['better']:.0%} better, {row['worse']:.0%} worse"
    return f"{test}; d {row['effect']:+.2f}; {users}; {seeds}"
