"""Pull the embeddings of an interaction together and all others apart, in the table itself."""

from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._pairs import PairSampler
from pipeline.tasks.base import TaskType

__all__ = ["alignment_uniformity"]


def _build(data: TrainingData) -> TaskData:
    """The training interactions, as the main task has them."""
    return TaskData("alignment_uniformity", "alignment_uniformity", data.train)


alignment_uniformity = TaskType(_build, PairSampler, "directau", opt_in=True)
