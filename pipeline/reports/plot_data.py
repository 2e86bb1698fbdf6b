"""The tables behind DVC's plots, and their templates: `dvc plots diff` draws the rows of several revisions into one axis."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.metric_names import VALIDATION_METRIC
from pipeline.reports.colours import colour
from pipeline.reports.leaderboard import Result, mean_over_seeds

__all__ = ["TEMPLATES", "board_table", "curves_table", "templates", "with_colours"]

TEMPLATES = Path(__file__).with_name("vega")
"""Folder of the templates as DVC reads them."""

Key = tuple[str, str, int]  # data set, method, seed

_Z = 1.96  # of a normal distribution, two-sided 95%


def curves_table(histories: Mapping[Key, pd.DataFrame]) -> pd.DataFrame:
    """``dataset``, ``method``, ``seed``, ``epoch``, ``ndcg`` on validation, ``colour``."""
    parts = [
        pd.DataFrame({"dataset": d, "method": m, "seed": s, "epoch": of["epoch"], "ndcg": of[VALIDATION_METRIC]})
        for (d, m, s), of in histories.items()
    ]
    return with_colours(pd.concat(parts, ignore_index=True))


def board_table(results: Sequence[Result], metric: str, *, lower_is_better: bool = False) -> pd.DataFrame:
    """``dataset``, ``method``, ``metric``, ``value``: mean over users and seeds, ``low``, ``high``: 95% interval over users.

    A metric of the whole ranking has no users: its interval is the value.
    """
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.dataset, result.method), []).append(result)
    rows = []
    for (dataset, method), group in groups.items():
        value, half = float(np.mean([result.metrics[metric] for result in group])), 0.0
        if metric in group[0].per_user:
            of_users = mean_over_seeds(group, metric)
            half = _Z * float(of_users.std()) / len(of_users) ** 0.5
        rows.append((dataset, method, metric, value, value - half, value + half))
    board = pd.DataFrame(rows, columns=["dataset", "method", "metric", "value", "low", "high"])
    return with_colours(board.sort_values(["dataset", "value"], ascending=[True, lower_is_better], kind="stable"))


def with_colours(table: pd.DataFrame) -> pd.DataFrame:
    """The same with the column ``colour`` of its ``method``."""
    return table.assign(colour=table["method"].map(colour))


def templates() -> dict[str, dict[str, Any]]:
    """Name -> Vega-Lite template, with DVC's anchors; the files of ``TEMPLATES`` are written from it."""
    method = {
        "field": "colour",
        "type": "nominal",
        "scale": None,
    }  # the rows bring their colours, which are those of all pictures
    panels = {"facet": {"field": "dataset", "type": "nominal", "title": None}}
    interval = {"x": {"field": "low", "type": "quantitative", "scale": {"zero": False}}, "x2": {"field": "high"}}
    curves = {
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative", "title": "epoch"},
            "y": {"field": "ndcg", "type": "quantitative", "title": "NDCG@20", "scale": {"zero": False}},
            "color": method,
            "strokeDash": {"field": "rev", "type": "nominal"},
            "detail": {"field": "seed"},
            "tooltip": [{"field": name} for name in ("rev", "method", "seed", "epoch", "ndcg")],
        },
    }
    board = {
        "encoding": {
            "y": {"field": "method", "type": "nominal", "sort": {"field": "value", "order": "descending"}, "title": None},
            "yOffset": {"field": "rev"},
            "color": {**method, "legend": None},
            "tooltip": [{"field": name} for name in ("rev", "method", "metric", "value", "low", "high")],
        },
        "layer": [
            {"mark": "rule", "encoding": interval},
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "x": {"field": "value", "type": "quantitative", "title": "mean over users", "scale": {"zero": False}},
                    "shape": {"field": "rev", "type": "nominal"},
                },
            },
        ],
    }
    gains = {
        "transform": [{"calculate": "datum.kind + ': ' + datum.slice", "as": "group"}],
        "encoding": {
            "y": {"field": "group", "type": "nominal", "sort": None, "title": None},
            "yOffset": {"field": "method"},
            "color": method,
            "tooltip": [{"field": name} for name in ("rev", "method", "group", "difference", "low", "high", "n")],
        },
        "layer": [
            {"mark": "rule", "encoding": interval},
            {
                "mark": {"type": "point", "filled": True},
                "encoding": {
                    "x": {"field": "difference", "type": "quantitative", "title": "difference from the best baseline"},
                    "shape": {"field": "rev", "type": "nominal"},
                },
            },
        ],
    }
    numbers = dict.fromkeys(("epoch", "ndcg", "value", "low", "high", "difference", "n"), "number")
    frame = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": "<DVC_METRIC_DATA>", "format": {"parse": numbers}},
        "title": "<DVC_METRIC_TITLE>",
    }
    specs: dict[str, dict[str, Any]] = {"curves": curves, "board": board, "gains": gains}
    return {name: {**frame, **panels, "spec": {"width": 420, "height": 260, **spec}} for name, spec in specs.items()}
