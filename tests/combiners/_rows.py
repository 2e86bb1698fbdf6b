"""Row gradients by hand, and rules built for them."""

from typing import Any, get_args

import torch

from pipeline import plugins
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step
from pipeline.config.plugin_options import options_schema

TABLES = {"user": 4, "item": 3}

# Every rule at every granularity that it has: (rule, options).
RULES: list[tuple[str, dict[str, Any]]] = []
for _rule in plugins.names("combiners"):
    _schema = options_schema(plugins.load("combiners", _rule))
    _granularity = _schema.model_fields.get("granularity")
    RULES += [(_rule, {"granularity": one}) for one in get_args(_granularity.annotation)] if _granularity else [(_rule, {})]


def row_gradients(values: list[list[list[float]]], present: list[list[bool]] | None = None) -> RowGradients:
    """``values[task][row]`` is a gradient; where ``present`` is not given, every task touched every row. One table."""
    tensor = torch.tensor(values, dtype=torch.float64)
    shape = tensor.shape[:2]
    touched = torch.ones(shape, dtype=torch.bool) if present is None else torch.tensor(present)
    return RowGradients(torch.arange(shape[1]), torch.zeros(shape[1], dtype=torch.int64), tensor, touched)


def random_rows(
    seed: int = 0, scale: float = 1.0, dtype: torch.dtype = torch.float64, *, everywhere: bool = False
) -> RowGradients:
    """Three tasks, of which some do not touch some of four users and three items, unless ``everywhere``."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64)
    present = torch.rand(3, 7, generator=generator) < 0.6
    present[0, present.sum(0) == 0] = True
    present |= everywhere
    tables = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    return RowGradients(torch.arange(7), tables, (scale * values * present.unsqueeze(2)).to(dtype), present)


def build(rule: str, n_tasks: int = 3, tables: dict[str, int] | None = None, **options: Any) -> Combiner:
    tasks = ["main", *(f"side{n}" for n in range(1, n_tasks))]
    combiner: Combiner = plugins.load("combiners", rule)(tasks, tables or TABLES, **options)
    return combiner


def step(progress: float = 0.4, losses: list[float] | None = None, seed: int = 0, epoch: int = 1, n_tasks: int = 3) -> Step:
    found = torch.tensor(losses or [0.5] * n_tasks, dtype=torch.float64)
    return Step(progress, epoch, found, torch.Generator().manual_seed(seed))


def combine(rule: str, gradients: RowGradients, at: Step | None = None, **options: Any) -> Combined:
    """One step of a new rule."""
    n_tasks = len(gradients.values)
    combined: Combined = build(rule, n_tasks, **options)(gradients, at or step(n_tasks=n_tasks))
    return combined
