"""Plug-ins built on the smallest data there is, so that what their constructors refuse is refused before anything runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import plugins
from pipeline.data.relation import ITEM, USER, NodeFeatures, NodeTypes, Relation
from pipeline.data.task_data import TaskData
from pipeline.errors import ParamsError

__all__ = ["TrialBuild"]


class TrialBuild:
    """Builds plug-ins, each with the same options once.

    Args:
        side_tasks: Names of all side tasks that there can be.
    """

    def __init__(self, side_tasks: Sequence[str]) -> None:
        nodes, pair = {USER: 1, ITEM: 1}, np.zeros(1, dtype=np.int64)
        relation = Relation(plugins.MAIN_TASK, USER, ITEM, pair, pair, 1, 1)
        features = NodeFeatures(ITEM, np.zeros((1, 1)), ("number",))
        task = TaskData(plugins.MAIN_TASK, plugins.MAIN_TASK, relation, features)
        self._smallest: dict[str, tuple[Any, ...]] = {
            "encoders": (NodeTypes(nodes), [relation], 1),
            "losses": (task, NodeTypes(nodes), 1),
            "combiners": ([plugins.MAIN_TASK, *side_tasks], nodes),
            "solvers": ([task], 0),
        }
        self._built: set[str] = set()

    def check(self, kind: str, plug_in: tuple[str, dict[str, Any]], place: str, *, is_main: bool = True) -> None:
        """Build one; baselines and optimisers have nothing to build, the types of their options say what they may be.

        Args:
            kind: Of the plug-in.
            plug_in: Its name and options.
            place: Where its options stand, for the error line.
            is_main: Whether a loss is that of the main task.

        Raises:
            ParamsError: If the constructor refuses an option.
        """
        name, options = plug_in
        key = f"{kind}.{name} {is_main} {sorted(options.items())}"
        if kind not in self._smallest or key in self._built:
            return
        arguments = self._smallest[kind]
        if kind == "encoders":
            import torch

            arguments = (*arguments, torch.Generator())
        if kind == "losses":
            arguments = (*arguments, is_main)
        if kind == "solvers":
            from pipeline.solvers.base import Machine

            arguments = (*arguments, Machine())
        try:
            plugins.load(kind, name)(*arguments, **options)
        except ValueError as error:
            raise ParamsError(f"{place}.{error}. Fix: change it") from error
        self._built.add(key)
