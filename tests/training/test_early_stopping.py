"""Which epoch is kept and which one is the last, by hand."""

from pipeline.training.early_stopping import EarlyStopping


def last(values: list[float], settled_from: int, patience: int = 2) -> tuple[int, float]:
    """The last epoch and the best value of a training with these validations, whose schedule ends with an epoch."""
    stopping = EarlyStopping(patience)
    for number, value in enumerate(values, 1):
        stopping.is_best(number, value)
        if stopping.is_over(number, is_settled=number >= settled_from):
            return number, stopping.best
    return len(values), stopping.best


def test_two_epochs_without_a_better_one() -> None:
    assert last([0.1, 0.3, 0.2, 0.3, 0.9], settled_from=1) == (4, 0.3), "as good is not better"
    assert last([0.1, 0.2, 0.15, 0.3, 0.2, 0.1], settled_from=1) == (6, 0.3)


def test_epochs_of_a_schedule_do_not_count_but_may_be_the_best() -> None:
    """Settled from epoch 4 on: epochs 4 and 5 are the two without a better one."""
    assert last([0.5, 0.1, 0.1, 0.1, 0.1, 0.9], settled_from=4) == (5, 0.5)
    assert last([0.5, 0.1, 0.1, 0.6, 0.1, 0.1, 0.9], settled_from=4) == (6, 0.6)
    assert last([0.5, 0.1, 0.1], settled_from=9) == (3, 0.5)
