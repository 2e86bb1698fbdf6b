"""FAMO: all losses fall at the same rate, by looking at the losses alone."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._torchjd import derivatives

__all__ = ["FAMO"]


class FAMO(Combiner):
    """w_t = c z_t / L_t with z = softmax(x), and x moved by how much each log loss fell in the step (Liu et al., NeurIPS 2023).

    By TorchJD, whose Adam is not saved. It reads the losses of a batch once more after the step. Losses belong to tasks, not
    to entities, so there is no granularity.

    Args:
        tasks: See the base class.
        tables: See the base class.
        lr: Learning rate of the Adam that moves x; > 0.

    Raises:
        ValueError: If ``lr`` is not positive.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, lr: float = 0.025) -> None:
        super().__init__(tasks, tables)
        from torchjd import scalarization

        if not lr > 0:
            raise ValueError(f"lr must be > 0, found {lr}")
        self.scalarizer = scalarization.FAMO(len(tasks), lr=lr)

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        weights = derivatives(self.scalarizer, step.losses).to(gradients.values.dtype)
        return weighted_sum(gradients, weights.unsqueeze(1) * gradients.present)

    def after_step(self, losses: Callable[[], Tensor]) -> None:
        """See the class."""
        self.scalarizer.update(losses())
