"""What a comparison says, in a sentence."""

import pandas as pd

__all__ = ["verdict"]


_ALPHA = 0.05


def verdict(rows: pd.DataFrame, metric: str) -> str:
    """Who leads on a data set and by how much, or that nobody can be told to.

    Args:
        rows: Of the leader board, the best first.
        metric: What decides.
    """
    first = rows.iloc[0]
    value = f"{first['dataset']}: {first['method']} has {metric} {first[metric]:.4f}"
    if len(rows) == 1:
        return value
    second = rows.iloc[1]
    gap = first[metric] - second[metric]
    pair = (first["method"], second["method"])
    tested = [row for row in (first, second) if row["baseline"] in pair and pd.notna(row["p"])]
    p = float(tested[0]["p"]) if tested else float("nan")
    said = f"p = {p:.2g} over users, corrected for all methods; {first['n_seeds']} seed{'s' if first['n_seeds'] > 1 else ''}"
    if not gap or not p < _ALPHA:
        why = said if tested else "no test of these two"
        return f"{value}, which cannot be told from {second[metric]:.4f} of {second['method']} ({why})"
    much = f"{abs(gap / second[metric]):.1%}" if second[metric] else f"{abs(gap):.4f}"
    return f"{value} and leads, {much} ahead of {second['method']} ({said})"
