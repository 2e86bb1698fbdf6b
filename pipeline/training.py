"""fit(): the training loop, read from top to bottom."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.combiners._base import Combiner
from pipeline.data.relation import Relation
from pipeline.data.splitting import Split
from pipeline.encoders._base import Encoder
from pipeline.errors import DivergedError, MachineError
from pipeline.evaluation import ItemLists, per_user
from pipeline.losses._base import Loss
from pipeline.metrics.ndcg import ndcg
from pipeline.optimizers import OPTIMIZERS, SGD
from pipeline.row_gradients import row_gradients
from pipeline.sampling import Sampler, Triplets

__all__ = ["VALIDATION_METRIC", "Epoch", "fit", "make_deterministic", "pick_device"]

VALIDATION_CUTOFF = 20
VALIDATION_METRIC = f"valid/ndcg_at_{VALIDATION_CUTOFF}"


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: Counts from 1.
        losses: Mean training loss per task.
        weights: Per task, the mean over steps and touched rows of what its gradient was multiplied by (equal weights: 1).
        valid_ndcg: NDCG@20 on the validation part.
    """

    number: int
    losses: dict[str, float]
    weights: dict[str, float]
    valid_ndcg: float

    def row(self) -> dict[str, float]:
        """One row of a history, by metric name; no times in it, so that equal trainings have equal bytes."""
        return {
            "epoch": self.number,
            VALIDATION_METRIC: self.valid_ndcg,
            **{f"train/loss/{task}": value for task, value in self.losses.items()},
            **{f"train/weight/{task}": value for task, value in self.weights.items()},
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
    torch.set_num_threads(threads)
    # Read by cuBLAS when it starts; without it deterministic mode refuses matrix products on CUDA.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def fit(
    encoder: Encoder,
    combiner: Combiner,
    loss: Loss,
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
) -> Iterator[Epoch]:
    """Train, one epoch per iteration; when the iterator ends, ``encoder`` holds the best epoch's parameters.

    An epoch passes once over the main task's pairs. A side task draws as many pairs per step as the main task does. The
    loop ends after ``patience`` epochs without a better validation NDCG@20, or after ``epochs``.

    Args:
        encoder: Gives the embeddings; trained in place, on the device where it is.
        combiner: The rule.
        loss: Shared by all tasks.
        relations: One per task; the main task's first.
        split: Training interactions are masked in validation.
        optimizer: Key of ``OPTIMIZERS``.
        lr: Learning rate.
        weight_decay: Every step shrinks the rows that it touches by the factor 1 - lr * weight_decay.
        batch_size: Pairs per task and step.
        epochs: At the most; Task Focusing grows over this many.
        patience: Epochs without improvement before the loop ends.
        seed: Of the samples.

    Raises:
        DivergedError: If a loss is not finite, naming task, epoch and batch, or an embedding is not.
    """
    device = next(encoder.parameters()).device
    tasks = list(relations if combiner.uses_side_tasks else relations[:1])
    samplers = [Sampler(relation, seed) for relation in tasks]
    nodes = encoder().nodes
    offsets = [(nodes.offset(task.head_type), nodes.offset(task.tail_type)) for task in tasks]
    seen = ItemLists.of([split.train], split.n_users, split.n_items)
    relevant = ItemLists.of([split.valid], split.n_users, split.n_items)
    (table,) = (parameter.detach() for parameter in encoder.parameters())  # shares its memory
    optimiser, decay = OPTIMIZERS[optimizer](table, lr), SGD(table, lr)
    n_pairs = tasks[0].n_edges
    n_steps = -(-n_pairs // batch_size)
    best, best_number, best_state = -1.0, 0, {}

    for number in range(1, epochs + 1):
        samples = [
            _to_rows(sampler.epoch(number, n_pairs), offset, device) for sampler, offset in zip(samplers, offsets, strict=True)
        ]
        losses = torch.empty(n_steps, len(tasks), device=device)
        weight_sums = torch.zeros(2, len(tasks), device=device)
        for step in range(n_steps):
            batches = [_slice(triplets, step * batch_size, batch_size) for triplets in samples]
            gradients, losses[step] = row_gradients(encoder().stacked, batches, loss)
            combined = combiner(gradients, progress=((number - 1) * n_steps + step) / max(epochs * n_steps - 1, 1))
            weight_sums += torch.stack([(combined.weights * gradients.present).sum(1), gradients.present.sum(1)])
            # Decoupled (Loshchilov and Hutter, ICLR 2019): inside the gradient, the decay would drown the small gradients of
            # side tasks as soon as Adam rescales the row, and decide the comparison of rules.
            decay.step(gradients.rows, weight_decay * table[gradients.rows])
            optimiser.step(gradients.rows, combined.values)
        _check_finite(losses, table, tasks, number)

        embeddings = encoder()
        values, _ = per_user(
            embeddings.users.detach(), embeddings.items.detach(), seen, relevant, {"ndcg": ndcg}, [VALIDATION_CUTOFF]
        )
        valid_ndcg = float(values[f"ndcg@{VALIDATION_CUTOFF}"].mean())
        if valid_ndcg > best:
            best, best_number = valid_ndcg, number
            best_state = {name: value.clone() for name, value in encoder.state_dict().items()}
        mean_weights = weight_sums[0] / weight_sums[1]
        yield Epoch(
            number,
            {task.name: value for task, value in zip(tasks, losses.mean(0).tolist(), strict=True)},
            {task.name: value for task, value in zip(tasks, mean_weights.tolist(), strict=True)},
            valid_ndcg,
        )
        if number - best_number >= patience:
            break
    encoder.load_state_dict(best_state)


def _to_rows(triplets: Triplets, offsets: tuple[int, int], device: torch.device) -> Triplets:
    """Node numbers as row numbers of the stacked table, on the device."""
    head, tail = offsets
    return Triplets(
        (triplets.heads + head).to(device), (triplets.tails + tail).to(device), (triplets.negatives + tail).to(device)
    )


def _slice(triplets: Triplets, start: int, size: int) -> Triplets:
    end = start + size
    return Triplets(triplets.heads[start:end], triplets.tails[start:end], triplets.negatives[start:end])


def _check_finite(losses: Tensor, table: Tensor, tasks: Sequence[Relation], epoch: int) -> None:
    """One look per epoch at ``losses`` ``[n_steps, n_tasks]`` and the table, so that a GPU need not wait in every step."""
    wrong = (~losses.isfinite()).nonzero()
    if wrong.numel():
        step, task = wrong[0].tolist()
        place = f"{tasks[task].name}, epoch {epoch}, batch {step + 1}"
        raise DivergedError(f"training: the loss of {place} is {losses[step, task].item()}. Fix: lower train.lr")
    if not table.isfinite().all():  # the last step of an epoch has no loss after it
        raise DivergedError(f"training: embeddings are not finite after epoch {epoch}. Fix: lower train.lr")
