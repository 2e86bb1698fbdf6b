"""What a task is: a function from training interactions and side tables to the relation whose tails it ranks."""

from collections.abc import Callable, Mapping

from pipeline.data.relation import Relation

__all__ = ["Task"]

Task = Callable[[Relation, Mapping[str, Relation]], Relation | None]
"""``build(train, sides)``: ``train`` holds the *training* interactions only, so no task can see a held-out pair. ``None``
where the data set lacks the side table that the task needs."""
