"""Weighted matrix factorisation by alternating least squares."""

from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor

from pipeline.baselines._implicit import factors
from pipeline.baselines.base import NotNegative, Positive, Size
from pipeline.data.task_data import TaskData

__all__ = ["implicit_als"]


def implicit_als(
    data: Sequence[TaskData],
    seed: int,
    *,
    dim: Size = 64,
    regularization: NotNegative = 10.0,
    alpha: Positive = 5.0,
    iterations: Size = 15,
) -> Mapping[str, Tensor]:
    """Implicit ALS (Hu et al., ICDM 2008) by the library implicit, on one thread.

    Args:
        data: The main task first; the others are not used.
        seed: Seed of the initial factors.
        dim: Number of factors.
        regularization: L2 penalty.
        alpha: Confidence of an observed interaction, that of an unobserved one being 1 (the paper's 1 + alpha).
        iterations: Sweeps over users and items.
    """
    from implicit.als import AlternatingLeastSquares

    make = partial(
        AlternatingLeastSquares,
        dim,
        regularization=regularization,
        alpha=alpha,
        iterations=iterations,
        random_state=seed,
        use_gpu=False,
        num_threads=1,
    )
    return factors(make, data)
