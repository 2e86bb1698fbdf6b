"""The way into TorchJD: its rules see the inner products of the tasks' gradients, or the losses.

TorchJD (torchjd.org, MIT) implements the rules for one dense Jacobian. Most of them need its Gramian alone, which the
engine's row gradients give without a dense Jacobian. It is imported late: only by the rules in use. Its rules run on the
CPU, group by group: at granularity ``entity``, with thousands of groups a step, a rule needs a formula for all at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pipeline.combiners._groups import Groups

__all__ = ["derivatives", "seeded", "solve_each"]


def solve_each(groups: Groups, solve: Callable[[Tensor, int, Tensor], Tensor]) -> Tensor:
    """Weights of every group by a rule that knows one Gramian at a time.

    Args:
        groups: Of this step.
        solve: (Gramian ``[n, n]`` of the tasks that touched a group, float64, on the CPU; number of the group; numbers of these
            tasks ``[n]``) -> weights ``[n]``; n >= 2. A task that is absent from a group takes no part in it.

    Returns:
        ``[n_tasks, n_groups]``; a task that is alone keeps its gradient, whatever the rule.
    """
    products, present = groups.inner_products().cpu(), groups.present.cpu()
    weights = present.to(products.dtype)
    for group in range(present.shape[1]):
        tasks = present[:, group].nonzero().squeeze(1)
        if tasks.numel() > 1 and products[group].any():
            weights[tasks, group] = solve(products[group][tasks][:, tasks], group, tasks)
    return weights.to(groups.present.device)


def derivatives(scalarizer: Callable[[Tensor], Tensor], losses: Tensor) -> Tensor:
    """D scalarizer / d losses ``[n_tasks]``: the weights by which a scalar of the losses multiplies the tasks' gradients."""
    with torch.enable_grad():
        leaf = losses.detach().clone().requires_grad_()
        (weights,) = torch.autograd.grad(scalarizer(leaf), leaf)
    return weights


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Seeds torch's generator for the CPU, from which TorchJD draws for tensors on the CPU, and restores it afterwards.

    Tensors on a GPU draw from another one, so callers pass tensors on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield
