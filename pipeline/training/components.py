"""The components of a training, built from their names and options."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline import plugins
from pipeline.combiners.base import Combiner
from pipeline.data.relation import ITEM, NodeTypes
from pipeline.data.task_data import TaskData
from pipeline.encoders.base import Encoder
from pipeline.errors import ParamsError
from pipeline.memory import refuse_too_large
from pipeline.seeding import torch_generator
from pipeline.training.task import Task

__all__ = ["Components", "PlugIn", "build"]

_COPIES = 4  # of the table: itself, two moments of Adam, the best epoch's

PlugIn = tuple[str, Mapping[str, Any]]
"""Name and options."""


@dataclass(frozen=True, eq=False)
class Components:
    """What is trained, and trained with.

    Attributes:
        encoder: Computes the embeddings.
        tasks: The main task first.
        combiner: Combination rule.
    """

    encoder: Encoder
    tasks: Sequence[Task]
    combiner: Combiner

    @torch.no_grad()
    def tables(self) -> dict[str, Tensor]:
        """Node type -> its embeddings, on the CPU; items as scoring vectors, ranked by inner products with users."""
        embeddings = self.encoder()
        tables = {kind: embeddings.table(kind) for kind in embeddings.nodes.sizes}
        tables[ITEM] = self.tasks[0].loss.scoring_vectors(tables[ITEM])
        return {kind: table.cpu().clone() for kind, table in tables.items()}

    def state(self) -> dict[str, Tensor]:
        """State of the rule and of the tasks' own parameters, on the CPU."""
        modules = {"rule": self.combiner, **{f"loss.{n}": task.loss for n, task in enumerate(self.tasks)}}
        return {
            f"{name}.{key}": value.cpu().contiguous()
            for name, module in modules.items()
            for key, value in module.state_dict().items()
        }


def build(
    data: Sequence[TaskData],
    seed: int,
    device: torch.device,
    *,
    dim: int,
    encoder: PlugIn,
    rule: PlugIn,
    loss: PlugIn,
    task_losses: Mapping[str, PlugIn] | None = None,
    from_batch: Collection[str] = (),
    negatives: str = "uniform",
) -> Components:
    """Build encoder, tasks and rule.

    Args:
        data: One per task, main task first.
        seed: Seed of the initial embeddings and the samples.
        device: Device of the components.
        dim: Embedding dimension.
        encoder: The plug-in.
        rule: The plug-in.
        loss: The plug-in, of every task that has none of its own.
        task_losses: Task -> the plug-in of its own.
        from_batch: Side tasks whose examples are about the main task's batch.
        negatives: How tails are drawn that a head is not linked with, where a task draws any.

    Raises:
        ParamsError: If a loss needs examples that its task does not have.
    """
    relations = [task.relation for task in data if task.relation is not None]
    nodes = NodeTypes.of(relations, [task.features for task in data if task.features is not None])
    make_encoder, make_rule = plugins.load("encoders", encoder[0]), plugins.load("combiners", rule[0])
    what = f"training {nodes.n_rows:,} embeddings of {dim} numbers"
    refuse_too_large(what, 4.0 * _COPIES * nodes.n_rows * dim, "lower train.dim")
    made = make_encoder(nodes, relations, dim, torch_generator(seed, "initial"), **encoder[1]).to(device)
    tasks = []
    for number, of_task in enumerate(data if make_rule.uses_side_tasks else data[:1]):
        kind = plugins.load("tasks", of_task.kind)
        # Where params.yaml has a section for the task, its own loss is among `task_losses`.
        name, options = (task_losses or {}).get(of_task.name) or ((kind.loss, {}) if kind.loss else loss)
        make_loss = plugins.load("losses", name)
        if missing := [column for column in make_loss.needs if column not in kind.sampler.columns]:
            place = "train.loss" if number == 0 else f"tasks.{of_task.name}.loss"
            problem = f"{name} needs {missing[0]}, which the examples of {of_task.name} do not have"
            raise ParamsError(f"{place}: {problem}. Fix: name another loss")
        sampler = kind.sampler(of_task, nodes, seed, negatives, from_batch=of_task.name in from_batch)
        tasks.append(Task(of_task.name, sampler, make_loss(of_task, nodes, made.width(dim), number == 0, **options).to(device)))
    combiner: Combiner = make_rule([task.name for task in data], nodes.sizes, **rule[1]).to(device)
    combiner.set_degrees(torch.from_numpy(nodes.degrees([task.relation for task in data])).to(device))
    return Components(made, tasks, combiner)
