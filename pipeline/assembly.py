"""The parts of a training, built from their names and options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline import plugins
from pipeline.combiners._base import Combiner
from pipeline.data.relation import ITEM, NodeTypes, Relation
from pipeline.encoders._base import Encoder
from pipeline.losses._base import Loss
from pipeline.seeding import torch_generator

__all__ = ["Parts", "assemble"]


@dataclass(frozen=True, eq=False)
class Parts:
    """What ``fit`` trains and trains with.

    Attributes:
        encoder: Gives the embeddings.
        losses: One per relation.
        combiner: The rule.
    """

    encoder: Encoder
    losses: Sequence[Loss]
    combiner: Combiner

    def tables(self) -> dict[str, Tensor]:
        """Node type -> its embeddings, on the CPU; items so that inner products with users rank them."""
        embeddings = self.encoder()
        tables = {kind: embeddings.table(kind).detach() for kind in embeddings.nodes.sizes}
        tables[ITEM] = self.losses[0].ranked(tables[ITEM])
        return {kind: table.cpu().clone() for kind, table in tables.items()}

    def state(self) -> dict[str, Tensor]:
        """What the rule and the tasks' own parameters were at the end, on the CPU."""
        modules = {"rule": self.combiner, **{f"loss.{n}": loss for n, loss in enumerate(self.losses)}}
        return {
            f"{name}.{key}": value.cpu().contiguous()
            for name, part in modules.items()
            for key, value in part.state_dict().items()
        }


def assemble(
    relations: Sequence[Relation],
    seed: int,
    device: torch.device,
    *,
    dim: int,
    encoder: tuple[str, Mapping[str, Any]],
    loss: tuple[str, Mapping[str, Any]],
    rule: tuple[str, Mapping[str, Any]],
) -> Parts:
    """Build encoder, losses and rule.

    Args:
        relations: One per task; the main task's first.
        seed: Of the initial embeddings.
        device: Where they are put.
        dim: Length of an embedding.
        encoder: Name of the plug-in, and its options.
        loss: The same.
        rule: The same.
    """
    nodes = NodeTypes.of(list(relations))
    make_encoder, make_loss, make_rule = (
        plugins.load(kind, name)
        for kind, (name, _) in zip(("encoders", "losses", "combiners"), (encoder, loss, rule), strict=True)
    )
    return Parts(
        make_encoder(nodes, relations, dim, torch_generator(seed, "initial"), **encoder[1]).to(device),
        [make_loss(task, nodes, dim, number == 0, **loss[1]).to(device) for number, task in enumerate(relations)],
        make_rule([relation.name for relation in relations], nodes.sizes, **rule[1]).to(device),
    )
