"""What a task is: what it is built from, and how its examples are drawn. Its loss is a plug-in of its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pipeline import plugins
from pipeline.data.examples import Examples
from pipeline.data.relation import NodeTypes, Relation
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.fingerprint import fingerprint

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Draw", "Negatives", "Sampler", "Score", "TaskType", "code_of"]

Negatives = Literal["uniform", "popularity", "hard"]
"""How tails are drawn that a head is not linked with."""

Score = Callable[["Tensor", "Tensor"], "Tensor"]
"""(head nodes, tail nodes) -> current scores of the pairs, ``[n]`` each."""


@dataclass(frozen=True, eq=False)
class Draw:
    """What a sampler is asked for.

    Attributes:
        epoch: 1-based epoch number.
        n: Number of examples. The i-th examples of all tasks are in the same step.
        main: The examples of the main task in this epoch, to draw from around them; ``None`` for the main task itself.
        score: By what the task's loss ranks pairs now.
        batch_size: Examples of a step, in order; ``None``: all.
    """

    epoch: int
    n: int
    main: Examples | None = None
    score: Score | None = None
    batch_size: int | None = None


class Sampler(ABC):
    """Draws the examples of one task, the same ones for the same (seed, task, epoch).

    Args:
        task: Its data.
        nodes: Node types of the stacked table.
        seed: Training seed.
        negatives: How tails are drawn that a head is not linked with, where it draws any.
        from_batch: Whether the examples of a step are about the users and items of the main task's batch (Yang et al., IEEE
            BigData 2024, algorithm 1, line 5), not drawn from the task's own data alone.

    Attributes:
        columns: The columns that its examples have. A loss that needs others is refused.
    """

    columns: ClassVar[tuple[str, ...]]

    def __init__(
        self, task: TaskData, nodes: NodeTypes, seed: int, negatives: Negatives = "uniform", *, from_batch: bool = False
    ) -> None:
        self.task = task
        self.nodes = nodes
        self.seed = seed
        self.negatives = negatives
        self.from_batch = from_batch

    def pairs(self) -> Relation:
        """The task's relation.

        Raises:
            ValueError: If it has no pairs.
        """
        relation = self.task.relation
        if relation is None or relation.n_edges == 0:
            raise ValueError(f"{self.task.name}: there are no pairs to sample from")
        return relation

    @property
    def n_examples(self) -> int:
        """Number of examples in one pass over the data: the length of an epoch where this is the main task."""
        return self.task.relation.n_edges if self.task.relation is not None else 0

    @property
    def proposal(self) -> Any:
        """The share of each tail among the drawn ones, float64 ``[n_tails]``; ``None``: all alike, or none is drawn."""
        return None

    @abstractmethod
    def epoch(self, draw: Draw) -> Examples:
        """``draw.n`` examples, in rows of the stacked table, on the CPU."""


@dataclass(frozen=True)
class TaskType:
    """A plug-in of pipeline/tasks/.

    Attributes:
        build: From training data to the data of the task; ``None`` where the data set lacks what it needs.
        sampler: How its examples are drawn.
        loss: The loss where params.yaml names none for this task; ``None``: that of ``train.loss``.
        opt_in: Whether it is built only where the section ``tasks`` of params.yaml names it, not wherever it can be.
    """

    build: Callable[[TrainingData], TaskData | None]
    sampler: type[Sampler]
    loss: str | None = None
    opt_in: bool = False


def code_of(task: TaskData) -> str:
    """Fingerprint of the code by which a task is trained: its sampler, and the loss that its file names."""
    loss = plugins.load("tasks", task.kind).loss
    losses = [plugins.module_of("losses", loss)] if loss else []
    return fingerprint(plugins.module_of("tasks", task.kind), *losses)
