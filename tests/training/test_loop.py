from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline import plugins
from pipeline.data.examples import Examples
from pipeline.data.relation import ITEM, Relation
from pipeline.errors import DivergedError, MachineError
from pipeline.losses.bpr import BPR
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.top_k import top_k
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import Draw, Negatives
from pipeline.training.components import Components, build
from pipeline.training.device import pick_device
from pipeline.training.epoch import Epoch
from pipeline.training.learning import learn
from pipeline.training.loop import train_epochs
from pipeline.training.task import Task
from pipeline.training.validation import Validation
from tests.combiners._rows import RULES
from tests.toy import checkerboard, relation, scoring, tasks_of

SETTINGS = {
    "optimizer": "adam",
    "lr": 0.05,
    "weight_decay": 0.1,
    "batch_size": 32,
    "epochs": 25,
    "patience": 25,
    "seed": 0,
}


def components_for(
    relations: list[Relation],
    rule: str = "pmtrec",
    encoder: str = "mf",
    loss: dict[str, Any] | None = None,
    negatives: str = "uniform",
    seed: int = 0,
    **options: Any,
) -> Components:
    return build(
        tasks_of(relations),
        seed,
        torch.device("cpu"),
        dim=8,
        encoder=(encoder, {}),
        loss=("bpr", loss or {}),
        rule=(rule, options),
        negatives=negatives,
    )


def run(components: Components, **changes: Any) -> list[Epoch]:
    split, _ = checkerboard()
    settings: dict[str, Any] = SETTINGS | changes
    return list(train_epochs(components.encoder, components.combiner, components.tasks, Validation(split), **settings))


def two_relations() -> list[Relation]:
    split, social = checkerboard()
    return [split.train_relation(), social]


def train(rule: str = "pmtrec", seed: int = 0, **changes: Any) -> tuple[torch.Tensor, list[Epoch]]:
    """The table after training, and the epochs."""
    components = components_for(two_relations(), rule, seed=seed)
    epochs = run(components, **changes)
    return components.encoder.get_parameter("weight").detach(), epochs


def found(components: Components) -> list[set[int]]:
    """The two best unseen items of every user."""
    split, _ = checkerboard()
    embeddings = components.encoder()
    seen = ItemLists.of([split.train], split.n_users, split.n_items)
    best, _ = top_k(scoring(embeddings.users.detach(), embeddings.items.detach()), seen, torch.arange(16), k=2)
    return [set(items) for items in best.tolist()]


RIGHT = [{i, (i + 2) % 16} for i in range(16)]


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_every_rule_finds_the_held_out_fields_of_a_checkerboard(rule: str, options: dict[str, Any]) -> None:
    """Three tasks, of which one has a table of its own."""
    colours = relation("colour", ITEM, "colour", [(i, i % 2) for i in range(16)], 16, 2)
    relations = [*two_relations(), colours]
    components = components_for(relations, rule, **options)
    run(components)
    assert found(components) == RIGHT


@pytest.mark.parametrize("encoder", plugins.names("encoders"))
@pytest.mark.parametrize("optimizer", plugins.names("optimizers"))
def test_every_encoder_and_optimiser_finds_them(encoder: str, optimizer: str) -> None:
    relations = two_relations()
    components = components_for(relations, encoder=encoder)
    lr = {"adagrad": 0.3, "rowwise_adagrad": 0.3, "sgd": 10.0}.get(optimizer, 0.05)
    lr = min(lr, 0.1) if encoder == "ngcf" else lr
    run(components, optimizer=optimizer, lr=lr, weight_decay=0.01, epochs=40)
    assert found(components) == RIGHT


def test_tasks_with_parameters_of_their_own_train_them() -> None:
    relations = two_relations()
    components = components_for(relations, loss={"relation_vector": True})
    run(components)
    assert found(components) == RIGHT
    state = components.state()
    assert list(state) == ["rule.main_weights", "rule.settled", "loss.1.relation"]
    assert not torch.equal(state["loss.1.relation"], torch.ones(8))


def test_one_step_is_the_update_by_hand() -> None:
    """SGD with one batch per epoch: row <- row (1 - lr * decay) - lr * (sum of the tasks' dense gradients)."""
    relations = two_relations()
    components = components_for(relations, "equal_weights")
    nodes, weight = components.encoder().nodes, components.encoder.get_parameter("weight")
    leaf = weight.detach().clone().requires_grad_()
    n = relations[0].n_edges
    total = torch.zeros(())
    for task in tasks_of(relations):
        examples = TripletSampler(task, nodes, 0).epoch(Draw(1, n))
        total = total + BPR(task, nodes, 8, True)(leaf, examples, torch.arange(nodes.n_rows))
    (gradient,) = torch.autograd.grad(total, leaf)
    by_hand = leaf.detach() * (1 - 0.5 * 0.1) - 0.5 * gradient

    run(components, optimizer="sgd", lr=0.5, batch_size=n, epochs=1)

    torch.testing.assert_close(weight.detach(), by_hand)


def test_the_best_epoch_is_kept() -> None:
    """Equal weights has no schedule, so its first epochs are the same in a longer and a shorter training."""
    long, epochs = train("equal_weights", lr=0.2)
    best = max(epochs, key=lambda epoch: epoch.valid_ndcg).number
    assert best < len(epochs)
    short, _ = train("equal_weights", lr=0.2, epochs=best)
    assert torch.equal(long, short)


def test_training_stops_after_patience_epochs_without_a_better_validation() -> None:
    _, epochs = train("equal_weights", lr=1e-12, patience=3)
    best = max(epochs, key=lambda epoch: epoch.valid_ndcg).number
    assert len(epochs) == best + 3


def test_patience_waits_for_the_end_of_a_schedule() -> None:
    """The focus of pmtrec_inverse grows to the end; with warm-up and a step it is all there after half of the 25 epochs."""
    _, whole = train("pmtrec_inverse", lr=1e-12, patience=3)
    assert [epoch.is_settled for epoch in whole] == [False] * 24 + [True]
    components = components_for(two_relations(), "pmtrec_inverse", schedule="step", warm_up=0.5)
    half = run(components, lr=1e-12, patience=3)
    assert [epoch.is_settled for epoch in half] == [False] * 12 + [True] * (len(half) - 12)
    assert len(half) == 12 + 3


def test_patience_waits_until_pmtrec_has_come_to_the_main_task() -> None:
    """With alpha 1 there is nothing to wait for; with 1.2 and tau 1e-2 the main task takes over within the training."""
    epochs = {}
    for alpha in (1.0, 1.2):
        components = components_for(two_relations(), "pmtrec", alpha=alpha, tau=1e-2)
        epochs[alpha] = run(components, lr=1e-12, patience=3)
    assert len(epochs[1.0]) == max(epochs[1.0], key=lambda epoch: epoch.valid_ndcg).number + 3
    settled = [epoch.is_settled for epoch in epochs[1.2]]
    first = settled.index(True)
    assert first > 3
    assert settled == [False] * first + [True] * (len(settled) - first)
    assert len(settled) == first + 3
    weight = "train/weight/recommendation"
    assert epochs[1.2][first - 1].telemetry[weight] < 0.95 < epochs[1.2][-1].telemetry[weight]


@pytest.mark.parametrize("epochs", [3, 25])
def test_the_log_says_how_patience_and_schedule_know_of_each_other(epochs: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    split, social = checkerboard()
    rule = ("pmtrec", {"alpha": 1.2, "tau": 1e-2})
    settings: dict[str, Any] = {"loss": ("bpr", {}), "dim": 8, "lr": 1e-12, "epochs": epochs, "patience": 3, "device": "cpu"}
    learned = learn(tasks_of([split.train_relation(), social]), split, 0, lambda _: None, rule=rule, **settings)
    if epochs == 3:
        assert "all 3 epochs are over before pmtrec has come to the main task. Fix: raise train.epochs" in caplog.text
    else:
        assert f"epoch {len(learned.history) - 2}: pmtrec has come to the main task; patience counts from here" in caplog.text


def test_same_seed_same_bits() -> None:
    (first, epochs), (second, again) = train(), train()
    assert torch.equal(first, second)
    assert epochs == again
    assert not torch.equal(first, train(seed=1)[0])


def test_a_side_task_does_not_change_the_samples_of_the_main_task() -> None:
    relations = two_relations()
    tables = []
    for used in (relations[:1], relations):
        components = components_for(used, "single_task")
        run(components)
        tables.append(components.encoder.get_parameter("weight").detach())
    assert torch.equal(tables[0], tables[1])


def test_weights_of_the_main_task_grow_with_the_focus() -> None:
    _, epochs = train("pmtrec_inverse")
    main, side = "train/weight/recommendation", "train/weight/social"
    assert epochs[0].telemetry[main] < epochs[-1].telemetry[main]
    assert epochs[-1].telemetry[side] < 0.1


def test_a_learning_rate_of_which_cosines_say_nothing_is_noticed() -> None:
    """They stay finite, whatever the length of what they compare."""
    split, _ = checkerboard()
    data = tasks_of([split.train_relation()])
    with pytest.raises(DivergedError) as stopped:
        learn(data, split, 0, lambda _: None, rule=("single_task", {}), dim=4, lr=1e30, device="cpu")
    assert str(stopped.value) == "training: embeddings have grown to 1e+30 after epoch 1. Fix: lower train.lr"


def test_a_table_that_does_not_fit_is_refused_before_it_is_made() -> None:
    split, _ = checkerboard()
    with pytest.raises(
        MachineError, match=r"training 32 embeddings of 1000000000 numbers needs about 476\.8 GiB.*lower train\.dim"
    ):
        learn(tasks_of([split.train_relation()]), split, 0, lambda _: None, dim=10**9, device="cpu")


def test_embeddings_that_are_not_finite_after_the_last_step_are_noticed() -> None:
    relations = two_relations()
    components = components_for(relations, "equal_weights")
    with torch.no_grad():
        components.encoder.get_parameter("weight").mul_(1e4)
    changes = {"optimizer": "sgd", "lr": 1e38, "weight_decay": 0.0, "epochs": 1, "batch_size": relations[0].n_edges}
    with pytest.raises(DivergedError) as stopped:
        run(components, **changes)
    assert str(stopped.value) == "training: embeddings are not finite after epoch 1. Fix: lower train.lr"


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_a_gradient_that_is_not_finite_is_refused_naming_the_task(rule: str, options: dict[str, Any]) -> None:
    """Whatever the rule makes of it; also those whose solver stops at once. Only the colours are poisoned."""
    colours = relation("colour", ITEM, "colour", [(i, i % 2) for i in range(16)], 16, 2)
    relations = [*two_relations(), colours]
    components = components_for(relations, rule, **options)
    if not components.combiner.uses_side_tasks:
        pytest.skip("has no side tasks")
    with torch.no_grad():
        components.encoder().table("colour").fill_(torch.nan)
    with pytest.raises(DivergedError) as stopped:
        run(components)
    expected = "training: the loss of colour, epoch 1, batch 1 is nan. Fix: lower train.lr"
    assert str(stopped.value) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="tests what happens where there is no CUDA")
def test_a_device_that_is_not_there_is_refused_and_auto_finds_one() -> None:
    with pytest.raises(MachineError) as refused:
        pick_device("cuda")
    assert str(refused.value) == "train.device: cuda is not available on this machine. Fix: use auto or cpu"
    assert pick_device("auto").type in ("cpu", "mps")


@pytest.mark.parametrize("negatives", ["uniform", "popularity", "hard"])
def test_losses_know_before_the_first_step_how_their_tails_are_drawn(negatives: Negatives) -> None:
    relations = two_relations()
    components = components_for(relations, "equal_weights", negatives=negatives)
    calls: list[tuple[str, torch.Tensor | None]] = []

    class Listening(BPR):
        def set_proposal(self, proposal: torch.Tensor | None) -> None:
            calls.append((self.task.name, proposal))

        def closed_form(self, rows: torch.Tensor, examples: Examples, gradient: torch.Tensor) -> Any:
            calls.append((self.task.name, None))
            return super().closed_form(rows, examples, gradient)

    data, nodes = tasks_of(relations), components.encoder.nodes
    heard = [
        Task(task.name, task.sampler, Listening(of, nodes, 8, False)) for task, of in zip(components.tasks, data, strict=True)
    ]
    run(replace(components, tasks=heard), epochs=1)
    assert [name for name, _ in calls[:4]] == 2 * [task.name for task in relations]
    for task, (_, told) in zip(data, calls, strict=False):
        expected = TripletSampler(task, nodes, 0, negatives=negatives).proposal
        assert (told is None) == (expected is None)
        if told is not None and expected is not None:
            torch.testing.assert_close(told, torch.from_numpy(expected).float())
