"""What a training says to MLflow, and what is seen of it there."""

from pathlib import Path
from typing import Any

from pipeline.tracking.live_run import LiveRun
from pipeline.tracking.provenance import Training
from pipeline.tracking.store import connect, experiment_of

__all__ = ["epochs", "history", "journals", "runs"]


def epochs(run: LiveRun, first: int, last: int) -> None:
    for number in range(first, last + 1):
        run.log_epoch({"epoch": number, "valid/ndcg_at_20": number / 10, "train/loss": 1 / number})


def runs() -> list[Any]:
    client = connect()
    return list(client.search_runs([experiment_of(client, "demo")], order_by=["attributes.start_time ASC"]))


def history(run: Any) -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in connect().get_metric_history(run.info.run_id, "train/loss")]


def journals(training: Training) -> list[Path]:
    return sorted((training.model.parent / ".pmtrec/journal").glob("*"))
