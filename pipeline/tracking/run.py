"""The MLflow run of a training, while it goes on.

A run is identified by the *content* of its output: a tag holds DVC's hash of the model folder. So no output contains a run
id, and outputs that DVC restores from its cache belong to the run that first produced them. Tracking never makes a training
fail or wait for long: an unreachable server causes one warning, and what it has missed is sent from a journal later.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.errors import MachineError
from pipeline.integrity import dvc_hash
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.processes import is_gone
from pipeline.tracking.deadline import Overdue, within
from pipeline.tracking.journal import Entry, Journal, left_behind
from pipeline.tracking.project import is_ours, is_owned
from pipeline.tracking.provenance import PROCESS, Training, source_tags
from pipeline.tracking.store import connect, experiment_of, first_line, without_secret

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

__all__ = [
    "BEST_EPOCH",
    "BEST_VALID",
    "EPOCHS_PER_CALL",
    "KEY",
    "MODEL",
    "LiveRun",
    "create_run",
    "described",
    "end_orphans",
    "find_runs",
    "history_metrics",
    "live_run",
    "send_left_behind",
]

log = logging.getLogger(__name__)

MODEL = "pmtrec.model"
"""Tag of a run: DVC's hash of the folder with the trained model."""

KEY = "pmtrec.key"
"""Tag of a run: which training it is of (``Training.key``)."""

BEST_VALID, BEST_EPOCH = "best/valid_ndcg_at_20", "best/epoch"
"""Metrics of the model that was kept; the last value of ``valid/...`` is that of the last epoch."""

EPOCHS_PER_CALL = 20
"""Rows of a history that one call sends: log_batch takes 1000 metrics, of which a row has some 40."""

_LEVELS = 2  # of a name: train/weight/social is logged, train/weight/social/short is not

_SECONDS_BETWEEN_CALLS = 2.0
_SECONDS_BETWEEN_TRIES = 60.0  # of a server that has not answered
_SECONDS_OF_AN_EPOCH = 1.0  # that MLflow may take
_TIMES_ITS_LENGTH = 50.0  # that a try which has failed is waited for
_SECONDS_AT_AN_END = 10.0  # and at the beginning and the end of a training

_JOURNAL = "pmtrec.journal"  # tag of a run: the name of its journal


class LiveRun:
    """The run of a training in progress. Calls never raise or take long: what MLflow does not take waits in a journal."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._best: dict[str, float] = {}
        self._rows: list[dict[str, float]] = []
        self._times: list[int] = []
        self._sent = time.monotonic()
        self._pause = _SECONDS_BETWEEN_CALLS
        self._is_warned = False
        self._journal: Journal | None = None
        self._waiting: list[Entry] = []
        self._sender: Sender | None = None
        with self._tolerant("journal"):  # MLflow may take it all the same
            self._journal = Journal()
        with self._tolerant("mlflow"):
            self._write({"what": "begun", **described(training)})
        self._send(_SECONDS_AT_AN_END)
        if self._sender:
            with suppress(Exception, Overdue):  # they wait on
                send_left_behind(self._sender.client, seconds=_SECONDS_AT_AN_END)

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """Log one row of the history; short epochs are sent together, because a call costs what tens of rows cost."""
        if row.get(VALIDATION_METRIC, -1.0) > self._best.get(BEST_VALID, -1.0):
            self._best = {BEST_VALID: row[VALIDATION_METRIC], BEST_EPOCH: row["epoch"]}
        self._rows.append({**self._best, **row})  # the most important first: MLflow keeps the order
        self._times.append(_now())
        is_due = time.monotonic() - self._sent > self._pause
        if is_due or len(self._rows) >= EPOCHS_PER_CALL:
            self._write_rows()
        if is_due:
            self._send(_SECONDS_OF_AN_EPOCH)

    def end(self, status: str) -> None:
        """End the run; a finished one is tagged with the hash of its model."""
        self._write_rows()
        with self._tolerant("mlflow"):
            made = dvc_hash(self._training.model) if status == "FINISHED" else None
            self._write({"what": "ended", "status": status, "time": _now(), "model": made})
        self._send(_SECONDS_AT_AN_END)
        with suppress(OSError):
            if self._journal:
                self._journal.close(is_sent=not self._waiting)

    def _write_rows(self) -> None:
        if self._rows:
            self._write({"what": "epochs", "rows": self._rows, "times": self._times})
        self._rows, self._times = [], []

    def _write(self, entry: Entry) -> None:
        self._waiting.append(entry)
        with self._tolerant("journal"):
            if self._journal:
                self._journal.append(entry)

    def _send(self, seconds: float) -> None:
        """Try to send what waits."""
        started = time.monotonic()
        with self._tolerant("mlflow"):
            import mlflow  # noqa: F401  # takes seconds, which are not the server's

            with within(seconds):
                if self._sender is None:
                    self._sender = Sender(connect(), self._journal.name if self._journal else "")
                while self._waiting:
                    self._sender.send(self._waiting[0])
                    self._waiting.pop(0)
                    if self._sender.store and self._journal:
                        self._journal.append({"what": "there", "store": self._sender.store})
                        self._sender.store = ""
            self._pause = _SECONDS_BETWEEN_CALLS
        self._sent = time.monotonic()
        if self._waiting:  # what blocks in a library does not hear of a deadline
            self._pause = max(_SECONDS_BETWEEN_TRIES, _TIMES_ITS_LENGTH * (self._sent - started))

    @contextmanager
    def _tolerant(self, what: str) -> Iterator[None]:
        """No failure of the tracking server, its client, its database or the journal may abort a training."""
        try:
            yield
        except (Exception, Overdue) as error:  # noqa: BLE001
            if not self._is_warned:  # once is enough
                later = "Training continues; what MLflow has missed is sent later, by itself or by `pmtrec sync`"
                log.warning("%s: %s. %s", what, first_line(error), later)
            self._is_warned = True


@contextmanager
def live_run(training: Training) -> Iterator[LiveRun]:
    """A run that ends as FINISHED with the block, as KILLED on an interrupt, as FAILED on any other error."""
    run = LiveRun(training)
    try:
        yield run
    except (KeyboardInterrupt, SystemExit):
        run.end("KILLED")
        raise
    except BaseException:
        run.end("FAILED")
        raise
    run.end("FINISHED")


class Sender:
    """Sends the entries of one journal, in their order; what MLflow has already stays as it is.

    Attributes:
        client: Of the store.
        store: Where the run is, once it is there and until the journal says so.
    """

    def __init__(self, client: "MlflowClient", journal: str) -> None:
        self.client = client
        self.store = ""
        self._journal = journal
        self._experiment_id = self._run_id = self._key = ""

    def send(self, entry: Entry) -> None:
        """Send the next entry."""
        if entry["what"] == "begun":
            self._experiment_id, self._key = experiment_of(self.client, entry["dataset"]), entry["tags"][KEY]
            end_orphans(self.client, self._experiment_id)
            self._run_id = create_run(self.client, self._experiment_id, entry, self._journal)
            self.store = store_of(self.client)
        elif entry["what"] == "epochs":
            metrics = history_metrics(pd.DataFrame(entry["rows"]), entry["times"])
            self.client.log_batch(self._run_id, metrics=metrics, synchronous=True)
        elif entry["what"] == "ended":
            self._end(entry)

    def _end(self, entry: Entry) -> None:
        """Of two runs with the same model the earlier one is kept."""
        twins = find_runs(self.client, self._experiment_id, self._key, entry["model"]) if entry["model"] else []
        twin = next((one for one in twins if is_ours(one.data.tags) and one.info.run_id != self._run_id), None)
        if entry["model"]:
            self.client.set_tag(self._run_id, MODEL, entry["model"])
        self.client.set_terminated(self._run_id, entry["status"], entry["time"])
        if twin:
            log.info("mlflow: run %s has the same model and is kept; this run is deleted", twin.info.run_id)
            self.client.delete_run(self._run_id)


def send_left_behind(client: "MlflowClient", seconds: float | None = None) -> int:
    """Send the journals of processes that have ended; a run that was never ended was killed.

    One of which another store has the beginning waits until that is the store again.

    Args:
        client: Of the store.
        seconds: Of all together; by default what it takes.

    Returns:
        Number of runs.

    Raises:
        TimeoutError: If the time is over; what was sent is not sent again.
        MachineError: If some could not be sent; the others are.
    """
    failed: list[str] = []

    def send(name: str, entries: list[Entry]) -> bool:
        if any(entry["what"] == "there" and entry["store"] != store_of(client) for entry in entries):
            return False
        if entries[-1]["what"] != "ended":
            times = [time for entry in entries if entry["what"] == "epochs" for time in entry["times"]]
            last = max(times, default=entries[0]["time"])
            entries.append({"what": "ended", "status": "KILLED", "time": last, "model": None})
        sender = Sender(client, name)
        try:
            for entry in entries:
                sender.send(entry)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001  # of one run; the others are none the worse for it
            failed.append(f"{name}: {first_line(error)}")
            return False
        return True

    with nullcontext() if seconds is None else within(seconds):
        n_sent = left_behind(send)
    if failed:
        first = f"{len(failed)} run(s) could not be sent, the first is {failed[0]}"
        raise MachineError(f"mlflow: {first}. Fix: pmtrec sync, when MLflow is back")
    return n_sent


def store_of(client: "MlflowClient") -> str:
    """Identifies a store, without its secrets."""
    return without_secret(client.tracking_uri)


def described(training: Training) -> Entry:
    """What a run says of its training from the beginning, as JSON."""
    hashes = {name: dvc_hash(path) for name, path in training.inputs.items()}
    tags = source_tags() | {f"dvc.input.{name}": digest for name, digest in hashes.items()} | {KEY: training.key}
    return {
        "dataset": training.dataset,
        "title": training.title,
        "time": _now(),
        "tags": tags,
        "params": {key: str(value) for key, value in training.params.items()},
        "tasks": {"path": str(training.inputs["tasks"]), "hash": hashes["tasks"]},
    }


def create_run(client: "MlflowClient", experiment_id: str, of: Entry, journal: str = "") -> str:
    """A run with the params, the inputs and the source of a training; its id.

    Args:
        client: Of the store.
        experiment_id: Where it belongs.
        of: See ``described``.
        journal: Name of its journal; if it has been sent before, the run is there.
    """
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, Param

    there = client.search_runs([experiment_id], f"tags.`{_JOURNAL}` = '{journal}'", max_results=1) if journal else []
    if there:
        run_id = str(there[0].info.run_id)
    else:
        tags = {**of["tags"], **({_JOURNAL: journal} if journal else {})}
        run_id = str(client.create_run(experiment_id, of["time"], tags, of["title"]).info.run_id)
    if not run_id:
        raise ConnectionError("what answers is no MLflow server")
    client.log_batch(run_id, params=[Param(key, value) for key, value in of["params"].items()])
    source = CodeDatasetSource({"path": of["tasks"]["path"]})
    # mlflow's own class leaves an abstract method unimplemented, without consequences.
    data = MetaDataset(source, of["dataset"], of["tasks"]["hash"])  # type: ignore[abstract]
    context = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(data._to_mlflow_entity(), [context])])
    return run_id


def end_orphans(client: "MlflowClient", experiment_id: str) -> None:
    """Mark runs as KILLED if their process is gone (after kill -9 it could not do so itself)."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        if is_ours(run.data.tags) and is_gone(run.data.tags.get(PROCESS, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def find_runs(client: "MlflowClient", experiment_id: str, key: str, model_hash: str) -> "list[Run]":
    """The finished runs of this training, in all clones of the project, whose model has this hash; the oldest first."""
    wanted = f"tags.`{KEY}` = '{key}' and attributes.status = 'FINISHED' and tags.`{MODEL}` = '{model_hash}'"
    runs = client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC"])
    return [run for run in runs if is_owned(run.data.tags)]


def history_metrics(history: pd.DataFrame, times: Sequence[int] = ()) -> "list[Metric]":
    """The columns that one compares runs by; those of single slices are in the run's files. ``epoch`` becomes the step.

    Args:
        history: A row per epoch; missing values are not logged.
        times: Milliseconds since 1970 at which the epochs ended; by default all now.
    """
    from mlflow.entities import Metric

    ended = dict(zip(history["epoch"], times or [_now()] * len(history), strict=True))
    return [
        Metric(str(name), value, ended[epoch], int(epoch))
        for name, of in history.set_index("epoch").to_dict().items()
        for epoch, value in of.items()
        if str(name).count("/") <= _LEVELS and value == value  # noqa: PLR0124  # false only for NaN
    ]


def _now() -> int:
    return time.time_ns() // 10**6
