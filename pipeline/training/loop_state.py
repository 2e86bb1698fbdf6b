"""What an epoch hands to the next, in the loop of gradients and in that of a solver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pipeline.combiners.base import Combiner
from pipeline.encoders.base import Encoder
from pipeline.losses.base import Loss
from pipeline.optimizers.base import RowOptimizer
from pipeline.solvers.base import Solver
from pipeline.states import adam_state, load_adam_state
from pipeline.training.early_stopping import EarlyStopping

__all__ = ["LoopState", "SweepState", "as_table"]


def as_table(parameter: Tensor) -> Tensor:
    """A view of a parameter or a gradient as rows ``[n, width]``; a number is one row, a vector rows of one number."""
    if parameter.dim() == 2:  # noqa: PLR2004  # a table already
        return parameter
    return parameter.reshape(parameter.shape[0] if parameter.dim() else 1, -1)


@dataclass
class LoopState:
    """Of the loop of gradients. What is drawn at random needs no place here: generators are keyed by the epoch.

    Attributes:
        encoder, combiner, losses, stopping: Parts with a state of their own.
        optimisers: Of every parameter of the encoder.
        own_optimiser: Of the losses' own parameters; ``None`` if they have none.
        epoch: The last one that ended.
        is_over: Whether it was the last one of all.
        best: State of the encoder after the best epoch.
    """

    encoder: Encoder
    combiner: Combiner
    losses: Sequence[Loss]
    optimisers: Mapping[Tensor, RowOptimizer]
    own_optimiser: torch.optim.Adam | None
    stopping: EarlyStopping
    epoch: int = 0
    is_over: bool = False
    best: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        encoder: Encoder,
        combiner: Combiner,
        losses: Sequence[Loss],
        make_optimiser: Callable[[Tensor], RowOptimizer],
        lr: float,
        patience: int,
    ) -> "LoopState":
        """At the beginning.

        Args:
            encoder: Computes the embeddings.
            combiner: Combination rule.
            losses: Of the tasks.
            make_optimiser: Gives the optimiser of a table.
            lr: Of the losses' own parameters, which torch's Adam moves.
            patience: Epochs without improvement before training stops.
        """
        optimisers: dict[Tensor, RowOptimizer] = {
            of: make_optimiser(as_table(of.detach())) for of in encoder.parameters()
        }  # shares their memory
        own = [parameter for loss in losses for parameter in loss.parameters()]
        own_optimiser = torch.optim.Adam(own, lr) if own else None
        return cls(encoder, combiner, losses, optimisers, own_optimiser, EarlyStopping(patience))

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "encoder": [self.encoder.state_dict(), self.encoder.memory()],
            "combiner": [self.combiner.state_dict(), self.combiner.memory()],
            "losses": [loss.state_dict() for loss in self.losses],
            "optimisers": [of.state_dict() for of in self.optimisers.values()],
            "own_optimiser": adam_state(self.own_optimiser) if self.own_optimiser else {},
            "stopping": self.stopping.state_dict(),
            "loop": {"epoch": self.epoch, "is_over": self.is_over, "best": self.best},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over that of a loop of the same parts."""
        for part, (buffers, memory) in ((self.encoder, state["encoder"]), (self.combiner, state["combiner"])):
            part.remember(memory)
            part.load_state_dict(buffers)
        for loss, of_loss in zip(self.losses, state["losses"], strict=True):
            loss.load_state_dict(of_loss)
        for optimiser, of_optimiser in zip(self.optimisers.values(), state["optimisers"], strict=True):
            optimiser.load_state_dict(of_optimiser)
        if self.own_optimiser:
            load_adam_state(self.own_optimiser, state["own_optimiser"])
        self.stopping.load_state_dict(state["stopping"])
        self.epoch, self.is_over, self.best = (state["loop"][name] for name in ("epoch", "is_over", "best"))


@dataclass
class SweepState:
    """Of the loop of a solver.

    Attributes:
        solver, combiner: The parts.
        sweep: The last one that ended.
        best: The best validation so far.
        table: The solver's table then.
    """

    solver: Solver
    combiner: Combiner
    sweep: int = 0
    best: float = -1.0
    table: Tensor = field(default_factory=lambda: torch.zeros(0))

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        rule = [self.combiner.state_dict(), self.combiner.memory()]
        return {"solver": self.solver.table, "combiner": rule, "sweep": self.sweep, "best": self.best, "table": self.table}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over that of a loop of the same parts."""
        self.solver.table.copy_(state["solver"])
        buffers, memory = state["combiner"]
        self.combiner.remember(memory)
        self.combiner.load_state_dict(buffers)
        self.sweep, self.best = state["sweep"], state["best"]
        self.table = state["table"].to(self.solver.table.device)
