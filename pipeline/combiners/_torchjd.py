"""Adapter for TorchJD: its rules are given the inner products of the tasks' gradients, or the losses.

TorchJD (torchjd.org, MIT) implements the rules for one dense Jacobian. Most of them need only its Gramian, which can be
computed from the engine's row gradients without a dense Jacobian. TorchJD is imported lazily, only by the rules in use. Its
rules run on the CPU, group by group: at granularity ``entity``, with thousands of groups per step, a rule needs a batched
formula.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pipeline.combiners._groups import Groups

__all__ = ["derivatives", "seeded", "solve_each"]


def solve_each(groups: Groups, solve: Callable[[Tensor, int, Tensor], Tensor]) -> Tensor:
    """Weights of every group, from a rule that handles one Gramian at a time.

    Args:
        groups: Groups of this step.
        solve: (Gramian ``[n, n]`` of the tasks that touched the group, float64, on the CPU; group index; indices of these
            tasks ``[n]``) -> weights ``[n]``; n >= 2. Tasks absent from a group are excluded from it.

    Returns:
        ``[n_tasks, n_groups]``; the only task of a group keeps its gradient, whatever the rule.
    """
    products, present = groups.inner_products().cpu(), groups.present.cpu()
    weights = present.to(products.dtype)
    for group in range(present.shape[1]):
        tasks = present[:, group].nonzero().squeeze(1)
        if tasks.numel() > 1 and products[group].any():
            weights[tasks, group] = solve(products[group][tasks][:, tasks], group, tasks)
    return weights.to(groups.present.device)


def derivatives(scalarizer: Callable[[Tensor], Tensor], losses: Tensor) -> Tensor:
    """Gradient of ``scalarizer`` with respect to the losses ``[n_tasks]``: the weights of the tasks' gradients."""
    with torch.enable_grad():
        leaf = losses.detach().clone().requires_grad_()
        (weights,) = torch.autograd.grad(scalarizer(leaf), leaf)
    return weights


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Temporarily seed torch's CPU generator, from which TorchJD draws for CPU tensors; its state is restored afterwards.

    GPU tensors draw from a different generator, so callers pass CPU tensors.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield
