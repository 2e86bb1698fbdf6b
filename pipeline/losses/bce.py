"""Binary cross-entropy: is a pair linked or not."""

from torch import Tensor
from torch.nn import functional

from pipeline.data.examples import Examples
from pipeline.data.relation import NodeTypes
from pipeline.data.task_data import TaskData
from pipeline.losses._reduction import Reduction, reduced
from pipeline.losses.base import Loss

__all__ = ["BCE"]


class BCE(Loss):
    """mean over the batch of -ln sigmoid(<h, t>) - ln sigmoid(-<h, n>): link prediction, a negative for every link.

    Args:
        task, nodes, dim, is_main: See the base class.
        reduction: ``"mean"`` over the batch, or ``"sum"``.
    """

    def __init__(self, task: TaskData, nodes: NodeTypes, dim: int, is_main: bool, *, reduction: Reduction = "mean") -> None:
        super().__init__(task, nodes, dim, is_main)
        self.reduction = reduction

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        """See the base class."""
        heads, tails, negatives = (rows.index_select(0, examples[column]) for column in self.needs)
        linked, not_linked = (heads * tails).sum(dim=1), (heads * negatives).sum(dim=1)
        return reduced(-functional.logsigmoid(linked) - functional.logsigmoid(-not_linked), self.reduction)
