from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline.assembly import Parts, assemble
from pipeline.data.relation import ITEM, Relation
from pipeline.errors import DivergedError, MachineError
from pipeline.evaluation import ItemLists, top_k
from pipeline.losses.bpr import BPR
from pipeline.optimizers import OPTIMIZERS
from pipeline.sampling import Negatives, Sampler
from pipeline.training import Epoch, _score, fit, pick_device
from tests.combiners._rows import RULES
from tests.toy import checkerboard, relation

SETTINGS = {
    "optimizer": "adam",
    "lr": 0.05,
    "weight_decay": 0.1,
    "batch_size": 32,
    "epochs": 25,
    "patience": 25,
    "seed": 0,
}


def parts_for(
    relations: list[Relation], rule: str = "pmtrec", encoder: str = "mf", loss: dict[str, Any] | None = None, **options: Any
) -> Parts:
    names = {"encoder": (encoder, {}), "loss": ("bpr", loss or {}), "rule": (rule, options)}
    return assemble(relations, 0, torch.device("cpu"), dim=8, **names)


def run(parts: Parts, relations: list[Relation], **changes: Any) -> list[Epoch]:
    split, _ = checkerboard()
    return list(fit(parts.encoder, parts.combiner, parts.losses, relations, split, **SETTINGS | changes))  # type: ignore[arg-type]


def two_relations() -> list[Relation]:
    split, social = checkerboard()
    return [split.train_relation(), social]


def train(rule: str = "pmtrec", **changes: Any) -> tuple[torch.Tensor, list[Epoch]]:
    """The table after training, and the epochs."""
    relations = two_relations()
    parts = parts_for(relations, rule)
    epochs = run(parts, relations, **changes)
    return parts.encoder.get_parameter("weight").detach(), epochs


def found(parts: Parts) -> list[set[int]]:
    """The two best unseen items of every user."""
    split, _ = checkerboard()
    embeddings = parts.encoder()
    seen = ItemLists.of([split.train], split.n_users, split.n_items)
    best, _ = top_k(embeddings.users.detach(), embeddings.items.detach(), seen, torch.arange(16), k=2)
    return [set(items) for items in best.tolist()]


RIGHT = [{i, (i + 2) % 16} for i in range(16)]


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_every_rule_finds_the_held_out_fields_of_a_checkerboard(rule: str, options: dict[str, Any]) -> None:
    """Three tasks, of which one has a table of its own."""
    colours = relation("colour", ITEM, "colour", [(i, i % 2) for i in range(16)], 16, 2)
    relations = [*two_relations(), colours]
    parts = parts_for(relations, rule, **options)
    run(parts, relations)
    assert found(parts) == RIGHT


@pytest.mark.parametrize("encoder", ["mf", "lightgcn"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_encoder_and_optimiser_finds_them(encoder: str, optimizer: str) -> None:
    relations = two_relations()
    parts = parts_for(relations, encoder=encoder)
    lr = {"adam": 0.05, "dense_adam": 0.05, "adagrad": 0.3, "rowwise_adagrad": 0.3, "sgd": 10.0}[optimizer]
    run(parts, relations, optimizer=optimizer, lr=lr, weight_decay=0.01, epochs=40)
    assert found(parts) == RIGHT


def test_tasks_with_parameters_of_their_own_train_them() -> None:
    relations = two_relations()
    parts = parts_for(relations, loss={"relation_vector": True})
    run(parts, relations)
    assert found(parts) == RIGHT
    state = parts.state()
    assert list(state) == ["rule.norms", "rule.scales", "loss.1.relation"]
    assert not torch.equal(state["loss.1.relation"], torch.ones(8))


def test_one_step_is_the_update_by_hand() -> None:
    """SGD with one batch per epoch: row <- row (1 - lr * decay) - lr * (sum of the tasks' dense gradients)."""
    relations = two_relations()
    parts = parts_for(relations, "equal_weights")
    nodes, weight = parts.encoder().nodes, parts.encoder.get_parameter("weight")
    leaf = weight.detach().clone().requires_grad_()
    n = relations[0].n_edges
    total = torch.zeros(())
    for task in relations:
        t = Sampler(task, 0).epoch(1, n)
        heads, tails = nodes.offset(task.head_type), nodes.offset(task.tail_type)
        at = (t.heads + heads, t.tails + tails, t.negatives + tails)
        total = total + BPR(task, nodes, 8, True)(leaf, at, torch.arange(nodes.n_rows))
    (gradient,) = torch.autograd.grad(total, leaf)
    by_hand = leaf.detach() * (1 - 0.5 * 0.1) - 0.5 * gradient

    run(parts, relations, optimizer="sgd", lr=0.5, batch_size=n, epochs=1)

    torch.testing.assert_close(weight.detach(), by_hand)


def test_the_best_epoch_is_kept() -> None:
    """Equal weights has no schedule, so its first epochs are the same in a longer and a shorter training."""
    long, epochs = train("equal_weights", lr=0.2)
    best = max(epochs, key=lambda epoch: epoch.valid_ndcg).number
    assert best < len(epochs)
    short, _ = train("equal_weights", lr=0.2, epochs=best)
    assert torch.equal(long, short)


def test_training_stops_after_patience_epochs_without_a_better_validation() -> None:
    _, epochs = train(lr=1e-12, patience=3)
    best = max(epochs, key=lambda epoch: epoch.valid_ndcg).number
    assert len(epochs) == best + 3


def test_same_seed_same_bits() -> None:
    (first, epochs), (second, again) = train(), train()
    assert torch.equal(first, second)
    assert epochs == again
    assert not torch.equal(first, train(seed=1)[0])


def test_a_side_task_does_not_change_the_samples_of_the_main_task() -> None:
    relations = two_relations()
    tables = []
    for used in (relations[:1], relations):
        parts = parts_for(used, "single_task")
        run(parts, used)
        tables.append(parts.encoder.get_parameter("weight").detach())
    assert torch.equal(tables[0], tables[1])


def test_weights_of_the_main_task_grow_with_the_focus() -> None:
    _, epochs = train()
    main, side = "train/weight/recommendation", "train/weight/social"
    assert epochs[0].telemetry[main] < epochs[-1].telemetry[main]
    assert epochs[-1].telemetry[side] < 0.1


def test_embeddings_that_are_not_finite_after_the_last_step_are_noticed() -> None:
    relations = two_relations()
    parts = parts_for(relations, "equal_weights")
    with torch.no_grad():
        parts.encoder.get_parameter("weight").mul_(1e4)
    changes = {"optimizer": "sgd", "lr": 1e38, "weight_decay": 0.0, "epochs": 1, "batch_size": relations[0].n_edges}
    with pytest.raises(DivergedError) as stopped:
        run(parts, relations, **changes)
    assert str(stopped.value) == "training: embeddings are not finite after epoch 1. Fix: lower train.lr"


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_a_gradient_that_is_not_finite_is_refused_naming_the_task(rule: str, options: dict[str, Any]) -> None:
    """Whatever the rule makes of it; also those whose solver stops at once. Only the colours are poisoned."""
    colours = relation("colour", ITEM, "colour", [(i, i % 2) for i in range(16)], 16, 2)
    relations = [*two_relations(), colours]
    parts = parts_for(relations, rule, **options)
    if not parts.combiner.uses_side_tasks:
        pytest.skip("has no side tasks")
    with torch.no_grad():
        parts.encoder().table("colour").fill_(torch.nan)
    with pytest.raises(DivergedError) as stopped:
        run(parts, relations)
    expected = "training: the loss of colour, epoch 1, batch 1 is nan. Fix: lower train.lr"
    assert str(stopped.value) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="tests what happens where there is no CUDA")
def test_a_device_that_is_not_there_is_refused_and_auto_finds_one() -> None:
    with pytest.raises(MachineError) as refused:
        pick_device("cuda")
    assert str(refused.value) == "train.device: there is no cuda on this machine. Fix: write auto or cpu"
    assert pick_device("auto").type in ("cpu", "mps")


def test_hard_negatives_are_the_tails_that_the_loss_ranks_high_and_not_the_long_ones() -> None:
    """Item 1 is twice as long as item 0, but not in the direction of the user: cosines 1 and .6, inner products 1 and 1.2."""
    links = relation("recommendation", "user", "item", [(0, 0), (0, 1)], 1, 2)
    parts = assemble(
        [links], 0, torch.device("cpu"), dim=2, encoder=("mf", {}), loss=("sampled_softmax", {}), rule=("pmtrec", {})
    )
    with torch.no_grad():
        parts.encoder.get_parameter("weight").copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.2, 1.6]]))
    scores = _score(parts.encoder, parts.losses[0], links, torch.tensor([0, 0]), torch.tensor([0, 1]))
    torch.testing.assert_close(scores, torch.tensor([1.0, 0.6]))


def test_hard_negatives_are_scored_over_all_links_even_where_training_drops_some() -> None:
    relations = two_relations()
    names = {"encoder": ("lightgcn", {"dropout": 0.5}), "loss": ("bpr", {}), "rule": ("pmtrec", {})}
    parts = assemble(relations, 0, torch.device("cpu"), dim=8, **names)
    heads = tails = torch.arange(16)
    parts.encoder.train()
    first, second = (_score(parts.encoder, parts.losses[0], relations[0], heads, tails) for _ in range(2))
    whole = parts.encoder.eval()()
    assert torch.equal(first, second)
    torch.testing.assert_close(first, (whole.users[heads] * whole.items[tails]).sum(dim=1).detach())


@pytest.mark.parametrize("negatives", ["uniform", "popularity", "hard"])
def test_losses_know_before_the_first_step_how_their_tails_are_drawn(negatives: Negatives) -> None:
    relations = two_relations()
    parts = parts_for(relations, "equal_weights")
    calls: list[tuple[str, torch.Tensor | None]] = []

    class Listening(BPR):
        def know_proposal(self, proposal: torch.Tensor | None) -> None:
            calls.append((self.task.name, proposal))

        def closed_form(self, *parts: Any) -> Any:
            calls.append((self.task.name, None))
            return super().closed_form(*parts)

    losses = [Listening(task, parts.encoder().nodes, 8, False) for task in relations]
    run(replace(parts, losses=losses), relations, negatives=negatives, epochs=1)
    assert [name for name, _ in calls[:4]] == 2 * [task.name for task in relations]
    for task, (_, told) in zip(relations, calls, strict=False):
        expected = Sampler(task, 0, negatives).proposal
        assert (told is None) == (expected is None)
        if told is not None and expected is not None:
            torch.testing.assert_close(told, torch.from_numpy(expected).float())
