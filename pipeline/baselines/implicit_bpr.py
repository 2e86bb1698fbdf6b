"""Matrix factorisation with item biases, trained with BPR by per-sample SGD."""

from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor

from pipeline.baselines._implicit import factors
from pipeline.baselines.base import NotNegative, Positive, Size
from pipeline.data.task_data import TaskData

__all__ = ["implicit_bpr"]


def implicit_bpr(
    data: Sequence[TaskData],
    seed: int,
    *,
    dim: Size = 64,
    lr: Positive = 0.05,
    regularization: NotNegative = 0.01,
    iterations: Size = 100,
) -> Mapping[str, Tensor]:
    """Rendle et al., UAI 2009, by the library implicit, on one thread: several would make the result irreproducible.

    Args:
        data: The main task first; the others are not used.
        seed: Seed of the initial factors and the samples.
        dim: Number of factors; the library adds one for the bias.
        lr: Learning rate of plain SGD.
        regularization: L2 penalty.
        iterations: Passes over the interactions.
    """
    from implicit.bpr import BayesianPersonalizedRanking

    make = partial(
        BayesianPersonalizedRanking,
        dim,
        learning_rate=lr,
        regularization=regularization,
        iterations=iterations,
        random_state=seed,
        use_gpu=False,
        num_threads=1,
    )
    return factors(make, data)
