"""A training on a GPU against the same on the CPU."""

from typing import Any

import pytest
import torch

from pipeline import plugins
from pipeline.data.relation import ITEM, USER
from pipeline.evaluation.evaluator import rank
from pipeline.ranking.item_lists import ItemLists
from pipeline.solvers.base import Machine
from pipeline.solvers.ials import IALS
from pipeline.training.components import Components, build
from pipeline.training.loop import train_epochs
from pipeline.training.validation import Validation
from tests.combiners._rows import RULES
from tests.toy import checkerboard, scoring, tasks_of
from tests.training.test_loop import SETTINGS, two_relations

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA on this machine")

GPU, CPU = torch.device("cuda"), torch.device("cpu")
LOSSES: list[tuple[str, dict[str, Any]]] = [
    ("bpr", {}),
    ("directau", {}),
    ("sampled_softmax", {}),
    ("sampled_softmax", {"n_negatives": 8, "in_batch": True}),
    ("sampled_softmax", {"n_negatives": 8, "normalize": False}),
]

ENCODERS: list[tuple[str, dict[str, Any]]] = [
    ("mf", {"item_bias": True, "side_layers": 1}),
    ("lightgcn", {}),
    ("lightgcn", {"dropout": 0.2, "side_graph": True}),
]


def train(device: torch.device, **changes: Any) -> tuple[Components, list[float]]:
    """The parts after three epochs, and the losses of all tasks in each."""
    relations, (split, _) = two_relations(), checkerboard()
    names: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("bpr", {}), "rule": ("pmtrec", {})}
    names |= {part: changes.pop(part) for part in list(changes) if part in names}
    if "negatives" in changes:
        names["negatives"] = changes.pop("negatives")
    parts = build(tasks_of(relations), 0, device, dim=8, **names)
    settings: dict[str, Any] = SETTINGS | {"epochs": 3} | changes
    epochs = list(train_epochs(parts.encoder, parts.combiner, parts.tasks, Validation(split), **settings))
    return parts, [loss for epoch in epochs for loss in epoch.losses.values()]


def check_same(**changes: Any) -> None:
    """Up to the order of sums, of which Adam, signs and solvers can make more than rounding."""
    (gpu, found), (cpu, expected) = train(GPU, **changes), train(CPU, **changes)
    assert gpu.encoder.get_parameter("weight").is_cuda
    assert found == pytest.approx(expected, rel=1e-3)
    for kind, table in cpu.tables().items():
        torch.testing.assert_close(gpu.tables()[kind], table, rtol=0.05, atol=5e-3)


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_every_rule(rule: str, options: dict[str, Any]) -> None:
    check_same(rule=(rule, options))


@pytest.mark.parametrize("negatives", ["uniform", "popularity", "hard"])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_every_loss_and_way_to_draw(loss: tuple[str, dict[str, Any]], negatives: str) -> None:
    check_same(loss=loss, negatives=negatives)


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
@pytest.mark.parametrize("optimizer", plugins.names("optimizers"))
def test_every_encoder_and_optimiser(encoder: tuple[str, dict[str, Any]], optimizer: str) -> None:
    check_same(encoder=encoder, optimizer=optimizer)


@pytest.mark.parametrize("rule", ["pmtrec", "graddrop", "gradvac", "pcgrad", "random_weights"])
def test_the_same_seed_gives_the_same_bits(rule: str) -> None:
    parts: dict[str, Any] = {"rule": (rule, {}), "loss": ("sampled_softmax", {}), "encoder": ("lightgcn", {})}
    (one, of_one), (two, of_two) = (train(GPU, **parts) for _ in range(2))
    assert of_one == of_two
    assert all(torch.equal(table, two.tables()[kind]) for kind, table in one.tables().items())


def test_the_ranking_is_that_of_the_cpu() -> None:
    generator = torch.Generator().manual_seed(0)
    split, _ = checkerboard()
    users, items = (torch.randn(16, 8, generator=generator) for _ in range(2))
    seen, relevant = (ItemLists.of([part], 16, 16) for part in (split.train, split.test))
    on_cpu, on_gpu = (rank(scoring(users.to(d), items.to(d)), seen, relevant, 5) for d in (CPU, GPU))
    assert torch.equal(on_cpu.items, on_gpu.items)
    assert torch.equal(on_cpu.hits, on_gpu.hits)


def test_the_solver_is_that_of_the_cpu() -> None:
    tasks = tasks_of(two_relations())
    options: dict[str, Any] = {"dim": 8, "user_attributes": 0.5}
    tables = []
    for device in (CPU, GPU):
        solver = IALS(tasks, 0, Machine(device), **options)
        for kind in (USER, ITEM, "social context", USER):
            solver.solve(kind, torch.ones(len(solver.tasks), solver.nodes.sizes[kind], device=device))
        tables.append(torch.cat([solver.table.cpu(), solver.gradients(USER)[0].flatten(0, 1).cpu()]))
    torch.testing.assert_close(*tables, rtol=1e-3, atol=1e-4)
