"""A row for somebody who was not trained: what the training's own loss would give for a history, all items held."""

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import Histories

__all__ = ["FOLD_IN", "FoldIn", "LeastSquares", "MultiHot", "Softmax", "fold_in_of"]

FOLD_IN = "fold_in"
"""Name of the tensor of a model that says how to fold in: the numbers of ``LeastSquares`` or of ``Softmax``, float64."""

_TEMPERATURE = 0.2
_STEPS, _RATE = 60, 0.05  # of Adam; more change nothing in the ranking
_MOST_ITEMS = 20_000  # of a softmax; more are sampled, always the same


class FoldIn(Protocol):
    """How a history becomes a row."""

    def rows(self, histories: ItemLists) -> Tensor:
        """A row for each history ``[n, dim]``; zeros for an empty one."""

    def pulls(self, history: Tensor, item: int) -> Tensor:
        """What each item of a history ``[n]`` adds to the score of an item: its term where scores are sums, else its cosine."""


class MultiHot:
    """Users are their histories: nothing is learned for a user."""

    def __init__(self, items: Tensor) -> None:
        self._items = items

    def rows(self, histories: ItemLists) -> Tensor:
        """See ``FoldIn``."""
        return Histories(histories)[torch.arange(len(histories.lengths()))]

    def pulls(self, history: Tensor, item: int) -> Tensor:
        """The weights that are added up."""
        row = self._items[item]
        return (row.to_dense() if row.layout != torch.strided else row)[history]


class LeastSquares:
    """The normal equations of iALS with the main task alone (see ``pipeline.solvers.ials``).

    For the embeddings v of the items, V in all::

        (sum over history of v v' + a V'V + l (n + a N)^p I) u = sum over history of v

    A prediction from links pulls a new user towards zero, as there are none: it is part of l.

    Args:
        items: Embeddings ``[n_items, dim]``.
        numbers: a, l and p ``[3]``.
    """

    def __init__(self, items: Tensor, numbers: Tensor) -> None:
        self._items = items
        self.numbers = numbers
        self._unobserved, self._ridge, self._exponent = numbers.tolist()

    @cached_property
    def _gram(self) -> Tensor:
        gram: Tensor = self._unobserved * (self._items.T @ self._items)
        return gram

    def rows(self, histories: ItemLists) -> Tensor:
        """See ``FoldIn``."""
        found = torch.zeros(len(histories.lengths()), self._items.shape[1])
        for number, history in enumerate(torch.split(histories.items, histories.lengths().tolist())):
            if len(history):
                found[number] = torch.linalg.solve(self._system(history), self._items[history].sum(dim=0))
        return found

    def pulls(self, history: Tensor, item: int) -> Tensor:
        """Terms of the score of the row that these equations give: they add up to it."""
        pulled: Tensor = self._items[history] @ torch.linalg.solve(self._system(history), self._items[item])
        return pulled

    def _system(self, history: Tensor) -> Tensor:
        own = self._items[history]
        penalty = self._ridge * (len(history) + self._unobserved * len(self._items)) ** self._exponent
        system: Tensor = self._gram + own.T @ own + penalty * torch.eye(self._items.shape[1])
        return system


class Softmax:
    """The unit vector that makes a history most likely among all items: the full softmax of cosines.

    Args:
        items: Embeddings ``[n_items, dim]``.
        temperature: Of the softmax.
    """

    def __init__(self, items: Tensor, temperature: float = _TEMPERATURE) -> None:
        self._items = functional.normalize(items, dim=1)
        self._temperature = temperature
        self.numbers = torch.tensor([temperature], dtype=torch.float64)

    @torch.enable_grad()
    def rows(self, histories: ItemLists) -> Tensor:
        """See ``FoldIn``; users whose histories are equal get equal rows, whoever is asked for beside them."""
        position, items = histories.pairs(torch.arange(len(histories.lengths())))
        shares = 1 / histories.lengths().clamp(min=1).to(self._items)
        mean = torch.zeros(len(shares), self._items.shape[1]).index_add_(0, position, self._items[items]) * shares.unsqueeze(1)
        rows = functional.normalize(mean, dim=1).requires_grad_()
        optimiser = torch.optim.Adam([rows], _RATE)
        among = self._sample()
        for _ in range(_STEPS):
            optimiser.zero_grad()
            unit = functional.normalize(rows, dim=1)
            fit = (unit * mean).sum(dim=1) / self._temperature
            loss = (torch.logsumexp(unit @ among.T / self._temperature, dim=1) - fit).sum()
            (rows.grad,) = torch.autograd.grad(loss, rows)
            optimiser.step()
        return functional.normalize(rows.detach(), dim=1) * (histories.lengths() > 0).unsqueeze(1)

    def pulls(self, history: Tensor, item: int) -> Tensor:
        """Cosines, the gradients of the fit with respect to the score: they do not add up to it."""
        return self._items[history] @ self._items[item]

    def _sample(self) -> Tensor:
        if len(self._items) <= _MOST_ITEMS:
            return self._items
        return self._items[torch.linspace(0, len(self._items) - 1, _MOST_ITEMS).long()]


def fold_in_of(tables: Mapping[str, Tensor], users: Tensor | Histories, items: Tensor) -> FoldIn:
    """How a model folds in: as its tensor says, by histories if its users are such, else by a softmax."""
    if isinstance(users, Histories):
        return MultiHot(items)
    if FOLD_IN not in tables:
        return Softmax(items)
    numbers = tables[FOLD_IN]
    return Softmax(items, float(numbers[0])) if len(numbers) == 1 else LeastSquares(items, numbers)
