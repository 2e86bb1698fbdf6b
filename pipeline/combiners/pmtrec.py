"""PMTRec: for every user and item, gradient norms decide how much each task counts, with a growing focus on the main task.

Yang et al., "Personalized Multi-task Training for Recommender System", IEEE BigData 2024, arXiv 2407.21364, Gradient
Magnitude Balancing (GMB) and Task Focusing (TF). Its equations are not public to us: every form below is ours, built
from the published description.
"""

from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, weighted_sum

__all__ = ["PMTRec"]


class PMTRec(Combiner):
    """Weights from gradient norms, per row (ours).

    For row e and task t in A(e), the tasks that touched e in this step, at progress s in [0, 1]::

        n[e,t] = ||g[e,t]||_2
        m[e,t] = n[e,t] / mean of n[e,.] over A(e)                    (scale "row"; "none": m = n)
        w[e,t] = softmax over A(e) of m[e,t] / temperature            (GMB)
        w[e,t] = (1 - l(s)) w[e,t] + l(s) 1[t = main]                 (TF; l(s) = focus_end * s, or 0 for focus "none")
        c[e]   = |A(e)| * sum over A(e) of w[e,t] g[e,t]

    The factor |A(e)| keeps the length of the plain sum: with uniform weights c[e] is the equal-weights gradient. A row that
    the main task did not touch fades out as the focus grows, because its weights then sum to 1 - l(s).

    Why the norms are made scale-free: those of a mean-reduced loss are 1e-2 to 1e-4, on which a softmax is nearly uniform.
    Under optimisers that undo the scale of a row (Adam, Adagrad) only the mix of directions matters.

    Args:
        temperature: Of the softmax; > 0. Large: uniform weights. Small: the longest gradient takes all.
        scale: How norms are made comparable before the softmax: ``"row"`` or ``"none"``.
        focus: Schedule l of Task Focusing: ``"linear"`` or ``"none"``.
        focus_end: l(1), in [0, 1].

    Raises:
        ValueError: If ``temperature`` or ``focus_end`` is out of range.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.5,
        scale: Literal["row", "none"] = "row",
        focus: Literal["linear", "none"] = "linear",
        focus_end: float = 1.0,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be > 0, found {temperature}")
        if not 0 <= focus_end <= 1:
            raise ValueError(f"focus_end must be in [0, 1], found {focus_end}")
        self.temperature = temperature
        self.scale = scale
        self.focus = focus
        self.focus_end = focus_end

    def forward(self, gradients: RowGradients, progress: float) -> Combined:
        """See the class."""
        n_present = gradients.present.sum(dim=0)  # |A(e)|, [n_rows]
        weights = self._balance(gradients, n_present)
        focus = self.focus_end * progress if self.focus == "linear" else 0.0
        weights = (1.0 - focus) * weights
        weights[0] += focus * gradients.present[0].to(weights.dtype)
        return weighted_sum(gradients, n_present * weights)

    def _balance(self, gradients: RowGradients, n_present: Tensor) -> Tensor:
        """The weights of GMB, ``[n_tasks, n_rows]``; zero where a task is absent."""
        norms = torch.linalg.vector_norm(gradients.values, dim=2)
        if self.scale == "row":
            mean = norms.sum(dim=0) / n_present
            # A row whose gradients are all zero has no shares; any finite value gives it the uniform weights.
            norms = norms / torch.where(mean > 0, mean, 1.0)
        logits = (norms / self.temperature).masked_fill(~gradients.present, -torch.inf)
        # Over the last dimension, because over the first one the last bits of a softmax depend on the number of threads.
        return torch.softmax(logits.T.contiguous(), dim=1).T
