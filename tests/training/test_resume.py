"""A training that is interrupted and goes on gives what an undisturbed one gives, to the bit."""

import errno
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline import plugins
from pipeline.data.relation import ITEM, USER
from pipeline.data.task_data import TaskData
from pipeline.states import joined_state, split_state
from pipeline.training import checkpoint
from pipeline.training.checkpoint import Checkpoints, checkpoints_in
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN, Learned
from tests.toy import checkerboard, relation, tasks_of

EPOCHS, AFTER = 5, 3
SPLIT, SOCIAL = checkerboard()
GENRE = relation("genre", ITEM, "genre", [(item, item % 3) for item in range(16)], 16, 3)
TASKS = tasks_of([SPLIT.train_relation(), SOCIAL, GENRE])


def learned(kind: str, arguments: Mapping[str, Any], checkpoints: Checkpoints | None, stop: int | None = None) -> Learned:
    """`stop`: where SIGINT comes, in the middle of nothing, as it does."""

    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == stop:
            os.kill(os.getpid(), signal.SIGINT)

    more = {"checkpoints": checkpoints} if kind != "baselines" else {}
    return LEARN[kind](TASKS, SPLIT, 0, on_epoch, **arguments, **more)


def assert_same(one: Learned, other: Learned) -> None:
    assert one.history == other.history
    for name in ("tables", "state", "weights"):
        of_one, of_other = getattr(one, name), getattr(other, name)
        assert of_one.keys() == of_other.keys()
        for key, tensor in of_one.items():
            assert tensor.dtype == of_other[key].dtype
            assert torch.equal(tensor.nan_to_num(-7.0), of_other[key].nan_to_num(-7.0)), (name, key)


def interrupted(folder: Path, kind: str, arguments: Mapping[str, Any]) -> None:
    """Undisturbed, and interrupted twice: the second time on the epoch after."""
    whole = learned(kind, arguments, None)
    for stop in (AFTER, AFTER + 1):
        with pytest.raises(KeyboardInterrupt):
            learned(kind, arguments, Checkpoints(folder), stop)
        assert [int(path.name[:6]) for path in sorted(folder.glob("*"))] == list(range(AFTER, stop + 1))
    again = Checkpoints(folder)
    assert again.epochs[-1].number == AFTER + 1
    assert_same(learned(kind, arguments, again), whole)
    again.remove()
    assert not folder.exists()


def by_gradients(**changes: Any) -> dict[str, Any]:
    small = {"dim": 8, "batch_size": 32, "epochs": EPOCHS, "focus_epochs": 4, "device": "cpu", "loss": ("bpr", {})}
    return {**small, **changes}


RULES = plugins.names("combiners")
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "gradvac": [{}, {"granularity": "entity"}],
    "nash_mtl": [{}, {"update_every": 3}],
    "random_weights": [{}, {"redraw": "epoch"}],
    "pmtrec": [{}, {"granularity": "table"}],
}


@pytest.mark.parametrize(("rule", "options"), [(rule, of) for rule in RULES for of in OPTIONS.get(rule, [{}])])
def test_every_rule(tmp_path: Path, rule: str, options: dict[str, Any]) -> None:
    interrupted(tmp_path / "checkpoints", "combiners", by_gradients(rule=(rule, options)))


@pytest.mark.parametrize("encoder", plugins.names("encoders"))
@pytest.mark.parametrize("threads", [1, 2])
def test_every_encoder_with_dropout_where_it_has_one(tmp_path: Path, encoder: str, threads: int) -> None:
    options = {} if encoder == "mf" else {"dropout": 0.3}
    arguments = by_gradients(rule=("pmtrec_inverse", {}), encoder=(encoder, options), threads=threads)
    interrupted(tmp_path / "checkpoints", "combiners", arguments)


@pytest.mark.parametrize("optimizer", plugins.names("optimizers"))
def test_every_optimiser(tmp_path: Path, optimizer: str) -> None:
    arguments = by_gradients(rule=("equal_weights", {}), optimizer=(optimizer, {}), weight_decay=0.01)
    interrupted(tmp_path / "checkpoints", "combiners", arguments)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("bpr", {"relation_vector": True}),
        ("bce", {}),
        ("sampled_softmax", {}),
        ("sampled_softmax", {"in_batch": True}),
        ("directau", {}),
    ],
)
@pytest.mark.parametrize("negatives", ["uniform", "popularity", "hard"])
def test_every_loss_and_way_to_draw(tmp_path: Path, loss: str, options: dict[str, Any], negatives: str) -> None:
    arguments = by_gradients(rule=("equal_weights", {}), loss=(loss, options), negatives=negatives)
    interrupted(tmp_path / "checkpoints", "combiners", arguments)


@pytest.mark.parametrize("rule", ["equal_weights", "pmtrec_inverse", "history_weights", "dwa"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_exact_solver(tmp_path: Path, rule: str, threads: int) -> None:
    solver = ("ials", {"dim": 8, "sweeps": EPOCHS, "item_attributes": 1.0, "user_attributes": 1.0})
    arguments = {"solver": solver, "rule": (rule, {}), "threads": threads}
    interrupted(tmp_path / "checkpoints", "solvers", arguments)


@pytest.mark.parametrize("patience", [1, 2])
def test_patience_goes_on_counting(tmp_path: Path, patience: int) -> None:
    """The interruption comes in the very epoch that is the last one, too."""
    arguments = by_gradients(rule=("single_task", {}), epochs=30, patience=patience, lr=0.3)
    whole = learned("combiners", arguments, None)
    assert len(whole.history) < 30
    for stop in range(1, len(whole.history) + 1):
        folder = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            learned("combiners", arguments, Checkpoints(folder), stop)
        assert_same(learned("combiners", arguments, Checkpoints(folder)), whole)


def test_a_training_that_stops_after_an_epoch(tmp_path: Path) -> None:
    """As a refit does."""
    arguments = by_gradients(rule=("pmtrec", {}), stop_after=4)
    for stop in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            learned("combiners", arguments, Checkpoints(tmp_path / str(stop)), stop)
        assert_same(learned("combiners", arguments, Checkpoints(tmp_path / str(stop))), learned("combiners", arguments, None))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    arguments = by_gradients(rule=("pmtrec_inverse", {}))
    whole = learned("combiners", arguments, None)
    for stop in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            learned("combiners", arguments, Checkpoints(tmp_path), stop)
    newest = max(tmp_path.glob("*"))
    content = newest.read_bytes()
    flipped = content[:-9] + bytes([content[-9] ^ 4]) + content[-8:]
    newest.write_bytes({"flip": flipped, "cut": content[:-1], "empty": b"", "gone": b""}[damage])
    if damage == "gone":
        newest.unlink()
    again = Checkpoints(tmp_path)
    assert again.epochs[-1].number == 2
    assert ("was damaged after it was written, and is not used" in caplog.text) is (damage != "gone")
    assert_same(learned("combiners", arguments, again), whole)


def test_the_second_signal_does_not_wait(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def on_epoch(_: Epoch) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("is not reached")

    with pytest.raises(KeyboardInterrupt):
        LEARN["combiners"](TASKS, SPLIT, 0, on_epoch, **by_gradients(), checkpoints=Checkpoints(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_ends_as_such_with_a_checkpoint(tmp_path: Path) -> None:
    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        LEARN["combiners"](TASKS, SPLIT, 0, on_epoch, **by_gradients(), checkpoints=Checkpoints(tmp_path))
    assert ended.value.code == 128 + signal.SIGTERM
    assert Checkpoints(tmp_path).epochs[-1].number == 2


def test_two_are_kept_and_not_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting, and with what a checkpoint costs made nothing, every epoch has one."""
    learned("combiners", by_gradients(), Checkpoints(tmp_path))
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(checkpoint, "_FIRST_S", -1.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 0)
    learned("combiners", by_gradients(), Checkpoints(tmp_path))
    assert [int(path.name[:6]) for path in sorted(tmp_path.iterdir())] == [EPOCHS - 1, EPOCHS]
    monkeypatch.setattr(checkpoint, "_SHARE", 10**9)
    learned("combiners", by_gradients(rule=("single_task", {})), other := Checkpoints(tmp_path / "other"))
    assert [int(path.name[:6]) for path in (tmp_path / "other").iterdir()] == [1]
    other.remove()


def test_a_full_disk_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_FIRST_S", -1.0)
    monkeypatch.setattr(checkpoint, "_write", full)
    found = learned("combiners", by_gradients(), Checkpoints(tmp_path))
    assert len(found.history) == EPOCHS
    assert "cannot be written: No space left on device. The training goes on without checkpoint" in caplog.text


def test_the_key_is_of_all_that_determines_the_result_and_old_ones_go(tmp_path: Path) -> None:
    one = checkpoints_in(tmp_path, "demo/pmtrec/0", {"lr": 0.1})
    with pytest.raises(KeyboardInterrupt):
        learned("combiners", by_gradients(), one, 2)
    assert checkpoints_in(tmp_path, "demo/pmtrec/0", {"lr": 0.1}).epochs
    assert not checkpoints_in(tmp_path, "demo/pmtrec/0", {"lr": 0.2}).epochs
    (folder,) = tmp_path.iterdir()
    os.utime(folder, (0, 0))
    assert checkpoints_in(tmp_path, "demo/pmtrec/0", {"lr": 0.1}).epochs, "its own is not too old"
    checkpoints_in(tmp_path, "demo/pmtrec/0", {"lr": 0.2})
    assert not folder.exists()


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        learned("combiners", by_gradients(), checkpoints_in(tmp_path, "a", 1), 2)
    assert not checkpoints_in(tmp_path, "a", 1, resume=False).epochs
    assert not checkpoints_in(tmp_path, "a", 1).epochs


def test_the_parts_of_a_task_of_features_and_ratings(tmp_path: Path) -> None:
    """A loss with parameters of its own (mse), and one without pairs."""
    rated = TaskData("rating", "rating", _rated())
    arguments = by_gradients(rule=("equal_weights", {}), task_losses={"rating": ("mse", {"bias": "full"})})
    whole, folder = LEARN["combiners"]([*TASKS, rated], SPLIT, 0, lambda _: None, **arguments), tmp_path / "c"

    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == AFTER:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        LEARN["combiners"]([*TASKS, rated], SPLIT, 0, on_epoch, **arguments, checkpoints=Checkpoints(folder))
    found = LEARN["combiners"]([*TASKS, rated], SPLIT, 0, lambda _: None, **arguments, checkpoints=Checkpoints(folder))
    assert_same(found, whole)
    assert any(name.startswith("loss.") for name in whole.state)


def _rated() -> Any:
    main = SPLIT.train_relation()
    ratings = {"rating": (main.heads + main.tails) % 5 + 1.0}
    return type(main)("rating", USER, ITEM, main.heads, main.tails, main.n_heads, main.n_tails, values=ratings)


def test_any_nested_state_comes_back() -> None:
    state = {
        "a": [1, 2.5, "x", None, True],
        3: {"t": torch.arange(6).reshape(2, 3).T, "u": torch.tensor(float("nan"))},
        "big": 2**127,
        "empty": {},
    }
    back = joined_state(*split_state(state))
    assert back["a"] == state["a"]
    assert torch.equal(back[3]["t"], torch.arange(6).reshape(2, 3).T)
    assert back[3]["u"].isnan()
    assert (back["big"], back["empty"]) == (2**127, {})


def test_an_error_that_is_not_of_the_disk_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(checkpoint, "_FIRST_S", -1.0)
    monkeypatch.setattr(checkpoint, "_write", broken)
    with pytest.raises(OSError, match="Bad file descriptor"):
        learned("combiners", by_gradients(), Checkpoints(tmp_path))
