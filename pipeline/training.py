"""fit(): the training loop, read from top to bottom."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pipeline.batches import Batch, batches
from pipeline.combiners._base import Combiner, Step
from pipeline.data.relation import NodeTypes, Relation
from pipeline.data.splitting import Split
from pipeline.encoders._base import Encoder
from pipeline.errors import DivergedError, MachineError
from pipeline.evaluation import VALIDATION_CUTOFF, VALIDATION_METRIC, ItemLists, per_user
from pipeline.losses._base import Loss
from pipeline.metrics.ndcg import ndcg
from pipeline.optimizers import OPTIMIZERS
from pipeline.row_gradients import batch_losses, row_gradients, through_encoder
from pipeline.sampling import Negatives, Sampler
from pipeline.seeding import torch_generator
from pipeline.telemetry import Telemetry

__all__ = ["Epoch", "fit", "make_deterministic", "pick_device"]

_PAIRS_AT_A_TIME = 2**18  # whose embeddings are held at once


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: Counts from 1.
        losses: Mean training loss per task.
        telemetry: What the rule did, by metric name (see ``Telemetry``).
        valid_ndcg: NDCG@20 on the validation part.
    """

    number: int
    losses: dict[str, float]
    telemetry: dict[str, float]
    valid_ndcg: float

    def row(self) -> dict[str, float]:
        """One row of a history, by metric name; no times in it, so that equal trainings have equal bytes."""
        return {
            "epoch": self.number,
            VALIDATION_METRIC: self.valid_ndcg,
            **{f"train/loss/{task}": value for task, value in self.losses.items()},
            **self.telemetry,
        }


def pick_device(name: str) -> torch.device:
    """The device of a name; ``"auto"`` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        MachineError: If this machine does not have it.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available[name]:
        raise MachineError(f"train.device: there is no {name} on this machine. Fix: write auto or cpu")
    return torch.device(name)


def make_deterministic(threads: int) -> None:
    """Same seed, same bits, whatever the number of threads; for the whole process."""
    torch.use_deterministic_algorithms(True)
    # Else every new tensor would be filled once before it is written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    # Read by cuBLAS when it starts; without it deterministic mode refuses matrix products on CUDA.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def fit(
    encoder: Encoder,
    combiner: Combiner,
    losses: Sequence[Loss],
    relations: Sequence[Relation],
    split: Split,
    *,
    optimizer: str,
    lr: float,
    weight_decay: float,
    batch_size: int,
    epochs: int,
    patience: int,
    seed: int,
    negatives: Negatives = "uniform",
) -> Iterator[Epoch]:
    """Train, one epoch per iteration; when the iterator ends, ``encoder`` holds the best epoch's parameters.

    An epoch passes once over the main task's pairs. A side task draws as many pairs per step as the main task does. The
    loop ends after ``patience`` epochs without a better validation NDCG@20, or after ``epochs``.

    Args:
        encoder: Gives the embeddings; trained in place, on the device where it is.
        combiner: The rule.
        losses: One per relation. Their own parameters, if any, are trained by torch's Adam with the same learning rate.
        relations: One per task; the main task's first.
        split: Training interactions are masked in validation.
        optimizer: Key of ``OPTIMIZERS``.
        lr: Learning rate.
        weight_decay: Every step shrinks the rows that it touches by the factor 1 - lr * weight_decay.
        batch_size: Pairs per task and step.
        epochs: At the most; Task Focusing grows over this many.
        patience: Epochs without improvement before the loop ends.
        seed: Of the samples, and of rules that draw random numbers.
        negatives: How tails are drawn that a head is not linked with (see ``Sampler``).

    Raises:
        DivergedError: If a loss or a gradient is not finite, naming task, epoch and batch, or an embedding is not.
    """
    device = next(encoder.parameters()).device
    n_tasks = len(relations) if combiner.uses_side_tasks else 1
    tasks, losses = list(relations[:n_tasks]), list(losses[:n_tasks])
    samplers = [_sampler(relation, seed, negatives, loss, device) for relation, loss in zip(tasks, losses, strict=True)]
    nodes = encoder().nodes
    tables = torch.tensor([nodes.offset(kind) for kind in nodes.sizes], device=device)
    seen = ItemLists.of([split.train], split.n_users, split.n_items)
    relevant = ItemLists.of([split.valid], split.n_users, split.n_items)
    telemetry = Telemetry([task.name for task in tasks], nodes, seen.lengths(), device)
    (table,) = encoder.parameters()
    optimiser = OPTIMIZERS[optimizer](table.detach(), lr, weight_decay)  # shares its memory
    own_parameters = [parameter for loss in losses for parameter in loss.parameters()]
    own_optimiser = torch.optim.Adam(own_parameters, lr) if own_parameters else None
    n_pairs = tasks[0].n_edges
    n_steps = -(-n_pairs // batch_size)
    n_drawn = [loss.n_drawn for loss in losses]
    best, best_number, best_state = -1.0, 0, {}

    for number in range(1, epochs + 1):
        samples = [
            sampler.epoch(number, n_pairs, partial(_score, encoder, loss, task)).shifted(*_offsets(nodes, task))
            for sampler, loss, task in zip(samplers, losses, tasks, strict=True)
        ]
        encoder.train()
        generator = torch_generator(seed, "rule", number)
        found = torch.zeros(n_steps, n_tasks, device=device)
        for number_of_step, on_cpu in enumerate(batches(samples, batch_size, nodes.n_rows, n_drawn)):
            batch = on_cpu.to(device)
            stacked = encoder().stacked
            gradients, found[number_of_step] = row_gradients(stacked, tables, batch, losses)
            progress = ((number - 1) * n_steps + number_of_step) / max(epochs * n_steps - 1, 1)
            try:
                combined = combiner(gradients, Step(progress, number, found[number_of_step], generator))
            except Exception:
                _check_finite(found, table, tasks, number)  # a solver inside a rule may refuse NaN before the epoch ends
                raise
            optimiser.step(*through_encoder(stacked, table, gradients.rows, combined.values))
            if own_optimiser is not None:
                own_optimiser.step()
            combiner.after_step(partial(_losses_now, encoder, batch, losses))
            telemetry.observe(number_of_step, gradients, combined)
        _check_finite(found, table, tasks, number)

        encoder.eval()
        embeddings = encoder()
        users, items = embeddings.users.detach(), losses[0].ranked(embeddings.items.detach())
        values, _ = per_user(users, items, seen, relevant, {"ndcg": ndcg}, [VALIDATION_CUTOFF])
        valid_ndcg = float(values[f"ndcg@{VALIDATION_CUTOFF}"].mean())
        if valid_ndcg > best:
            best, best_number = valid_ndcg, number
            best_state = {name: value.clone() for name, value in encoder.state_dict().items()}
        mean_losses = {task.name: value for task, value in zip(tasks, found.mean(0).tolist(), strict=True)}
        yield Epoch(number, mean_losses, telemetry.end_epoch(), valid_ndcg)
        if number - best_number >= patience:
            break
    encoder.load_state_dict(best_state)


def _sampler(task: Relation, seed: int, negatives: Negatives, loss: Loss, device: torch.device) -> Sampler:
    """Of one task, whose loss is told how it draws."""
    sampler = Sampler(task, seed, negatives)
    q = sampler.proposal
    loss.know_proposal(None if q is None else torch.from_numpy(q).to(device, torch.float32))
    return sampler


def _offsets(nodes: NodeTypes, task: Relation) -> tuple[int, int]:
    """First rows of the heads and of the tails in the stacked table."""
    return nodes.offset(task.head_type), nodes.offset(task.tail_type)


@torch.no_grad()
def _score(encoder: Encoder, loss: Loss, task: Relation, heads: Tensor, tails: Tensor) -> Tensor:
    """By what the tails of each head are ranked, as the embeddings are now ``[n]``, on the CPU."""
    encoder.eval()  # no other links dropped for each call
    embeddings = encoder()
    one, two = embeddings.table(task.head_type), loss.ranked(embeddings.table(task.tail_type))
    parts = zip(torch.split(heads, _PAIRS_AT_A_TIME), torch.split(tails, _PAIRS_AT_A_TIME), strict=True)
    return torch.cat([(one[h.to(one.device)] * two[t.to(two.device)]).sum(dim=1).cpu() for h, t in parts])


@torch.no_grad()
def _losses_now(encoder: Encoder, batch: Batch, losses: Sequence[Loss]) -> Tensor:
    """The losses of a batch after its step ``[n_tasks]``."""
    return batch_losses(encoder().stacked, batch, losses)


def _check_finite(losses: Tensor, table: Tensor, tasks: Sequence[Relation], epoch: int) -> None:
    """One look per epoch at ``losses`` ``[n_steps, n_tasks]`` and the table, so that a GPU need not wait in every step."""
    wrong = (~losses.isfinite()).nonzero()
    if wrong.numel():
        step, task = wrong[0].tolist()
        place = f"{tasks[task].name}, epoch {epoch}, batch {step + 1}"
        raise DivergedError(f"training: the loss of {place} is {losses[step, task].item()}. Fix: lower train.lr")
    if not table.isfinite().all():  # the last step of an epoch has no loss after it
        raise DivergedError(f"training: embeddings are not finite after epoch {epoch}. Fix: lower train.lr")
