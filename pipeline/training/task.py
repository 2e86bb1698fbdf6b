"""A task in training: where its examples come from, and its loss on the rows that they touch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.data.examples import Examples
from pipeline.losses.base import Loss
from pipeline.tasks.base import Draw, Sampler

__all__ = ["Task", "steps"]


@dataclass(frozen=True, eq=False)
class Task:
    """One thing that the embeddings learn.

    Attributes:
        name: Task name.
        sampler: Draws its examples.
        loss: Mean loss of a batch of them.
    """

    name: str
    sampler: Sampler
    loss: Loss

    def sample(self, draw: Draw) -> Examples:
        """The examples of an epoch; of them the columns that the loss needs.

        Raises:
            ValueError: If the sampler has drawn another number than was asked for.
        """
        examples = self.sampler.epoch(draw).only(self.loss.needs)
        for name, column in (*examples.rows.items(), *examples.values.items()):
            if len(column) != draw.n:
                raise ValueError(f"{self.name}: {len(column)} {name} were drawn, {draw.n} were asked for")
        return examples

    def step(self, examples: Examples, start: int, stop: int) -> Examples:
        """The examples of one step of an epoch.

        What the loss does not read is not in it: a row that was drawn for nothing would else count as touched, with a
        gradient of zero.
        """
        most = self.loss.at_most()
        rows, values = (
            {name: column[start : min(stop, start + most.get(name, stop))] for name, column in of.items()}
            for of in (examples.rows, examples.values)
        )
        return Examples(rows, values)


def steps(tasks: Sequence[Task], samples: Sequence[Examples], n_examples: int, batch_size: int) -> Iterator[list[Examples]]:
    """Cut the examples of an epoch into steps; the last one may be shorter.

    Args:
        tasks: The tasks.
        samples: What each has drawn.
        n_examples: Of every task.
        batch_size: Examples per task and step.
    """
    for start in range(0, n_examples, batch_size):
        stop = min(start + batch_size, n_examples)
        yield [task.step(of_task, start, stop) for task, of_task in zip(tasks, samples, strict=True)]
