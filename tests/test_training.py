import pytest
import torch

from pipeline import plugins
from pipeline.combiners.equal_weights import EqualWeights
from pipeline.combiners.pmtrec import PMTRec
from pipeline.combiners.single_task import SingleTask
from pipeline.data.relation import NodeTypes
from pipeline.encoders.mf import MF
from pipeline.errors import DivergedError, MachineError
from pipeline.evaluation import ItemLists, top_k
from pipeline.losses.bpr import BPR
from pipeline.sampling import Sampler
from pipeline.seeding import torch_generator
from pipeline.training import Epoch, fit, pick_device
from tests.toy import checkerboard

SETTINGS = {
    "optimizer": "adam",
    "lr": 0.05,
    "weight_decay": 0.1,
    "batch_size": 32,
    "epochs": 25,
    "patience": 25,
    "seed": 0,
}


def train(method: str = "pmtrec", **changes: object) -> tuple[MF, list[Epoch]]:
    split, social = checkerboard()
    relations = [split.train_relation(), social]
    encoder = MF(NodeTypes.of(relations), 8, torch_generator(0, "initial"))
    rule = plugins.load("combiners", method)()
    return encoder, list(fit(encoder, rule, BPR(), relations, split, **SETTINGS | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", plugins.names("combiners"))
def test_every_rule_finds_the_held_out_fields_of_a_checkerboard(method: str) -> None:
    split, _ = checkerboard()
    encoder, _ = train(method)
    embeddings = encoder()
    seen = ItemLists.of([split.train], split.n_users, split.n_items)
    best, _ = top_k(embeddings.users, embeddings.items, seen, torch.arange(16), k=2)
    assert [set(items) for items in best.tolist()] == [{i, (i + 2) % 16} for i in range(16)]


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "sgd"])
def test_every_optimiser_lowers_the_loss(optimizer: str) -> None:
    _, epochs = train(optimizer=optimizer, lr={"adam": 0.05, "adagrad": 0.2, "sgd": 5.0}[optimizer], weight_decay=0.0)
    assert epochs[-1].losses["recommendation"] < 0.7 * epochs[0].losses["recommendation"]


def test_one_step_is_the_update_by_hand() -> None:
    """SGD with one batch per epoch: row <- row (1 - lr * decay) - lr * (sum of the tasks' dense gradients)."""
    split, social = checkerboard()
    relations = [split.train_relation(), social]
    nodes = NodeTypes.of(relations)
    encoder = MF(nodes, 8, torch_generator(0, "initial"))
    leaf = encoder.weight.detach().clone().requires_grad_()
    n = relations[0].n_edges
    total = torch.zeros(())
    for relation in relations:
        t = Sampler(relation, 0).epoch(1, n)
        heads, tails = nodes.offset(relation.head_type), nodes.offset(relation.tail_type)
        total = total + BPR()(leaf[t.heads + heads], leaf[t.tails + tails], leaf[t.negatives + tails])
    (gradient,) = torch.autograd.grad(total, leaf)
    by_hand = leaf.detach() * (1 - 0.5 * 0.1) - 0.5 * gradient

    changes = {"optimizer": "sgd", "lr": 0.5, "batch_size": n, "epochs": 1}
    list(fit(encoder, EqualWeights(), BPR(), relations, split, **SETTINGS | changes))  # type: ignore[arg-type]

    torch.testing.assert_close(encoder.weight.detach(), by_hand)


def test_the_best_epoch_is_kept() -> None:
    """Equal weights has no schedule, so its first epochs are the same in a longer and a shorter training."""
    long, epochs = train("equal_weights", lr=0.2)
    best = max(epochs, key=lambda epoch: epoch.valid_ndcg).number
    assert best < len(epochs)
    short, _ = train("equal_weights", lr=0.2, epochs=best)
    assert torch.equal(long.weight, short.weight)


def test_training_stops_after_patience_epochs_without_a_better_validation() -> None:
    _, epochs = train(lr=1e-12, patience=3)
    best = max(epochs, key=lambda epoch: epoch.valid_ndcg).number
    assert len(epochs) == best + 3


def test_same_seed_same_bits() -> None:
    (first, epochs), (second, again) = train(), train()
    assert torch.equal(first.weight, second.weight)
    assert epochs == again
    assert not torch.equal(first.weight, train(seed=1)[0].weight)


def test_a_side_task_does_not_change_the_samples_of_the_main_task() -> None:
    split, social = checkerboard()
    weights = []
    for relations in ([split.train_relation()], [split.train_relation(), social]):
        encoder = MF(NodeTypes.of(relations), 8, torch_generator(0, "initial"))
        list(fit(encoder, SingleTask(), BPR(), relations, split, **SETTINGS))  # type: ignore[arg-type]
        weights.append(encoder.weight.detach())
    assert torch.equal(weights[0], weights[1])


def test_weights_of_the_main_task_grow_with_the_focus() -> None:
    _, epochs = train()
    assert epochs[0].weights["recommendation"] < epochs[-1].weights["recommendation"]
    assert epochs[-1].weights["social"] < 0.1


def test_embeddings_that_are_not_finite_after_the_last_step_are_noticed() -> None:
    split, social = checkerboard()
    relations = [split.train_relation(), social]
    changes = {"optimizer": "sgd", "lr": 1e38, "weight_decay": 0.0, "epochs": 1, "batch_size": relations[0].n_edges}
    encoder = MF(NodeTypes.of(relations), 8, torch_generator(0, "initial"), init_std=1e3)
    with pytest.raises(DivergedError) as stopped:
        list(fit(encoder, EqualWeights(), BPR(), relations, split, **SETTINGS | changes))  # type: ignore[arg-type]
    assert str(stopped.value) == "training: embeddings are not finite after epoch 1. Fix: lower train.lr"


@pytest.mark.skipif(torch.cuda.is_available(), reason="tests what happens where there is no CUDA")
def test_a_device_that_is_not_there_is_refused_and_auto_finds_one() -> None:
    with pytest.raises(MachineError) as refused:
        pick_device("cuda")
    assert str(refused.value) == "train.device: there is no cuda on this machine. Fix: write auto or cpu"
    assert pick_device("auto").type in ("cpu", "mps")


def test_a_loss_that_is_not_finite_stops_with_task_epoch_and_batch() -> None:
    split, social = checkerboard()
    relations = [split.train_relation(), social]
    encoder = MF(NodeTypes.of(relations), 8, torch_generator(0, "initial"))
    with torch.no_grad():
        encoder.weight.fill_(torch.nan)
    with pytest.raises(DivergedError) as stopped:
        list(fit(encoder, PMTRec(), BPR(), relations, split, **SETTINGS))  # type: ignore[arg-type]
    expected = "training: the loss of recommendation, epoch 1, batch 1 is nan. Fix: lower train.lr"
    assert str(stopped.value) == expected
