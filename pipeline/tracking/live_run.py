"""The MLflow run of a training, while it goes on.

Tracking never makes a training fail or wait for long: an unreachable server causes one warning, and what it has missed is sent
from a journal later.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from pipeline.integrity import dvc_hash
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.tracking.deadline import Overdue, within
from pipeline.tracking.journal import Entry, Journal
from pipeline.tracking.provenance import Training
from pipeline.tracking.run import BEST_EPOCH, BEST_VALID, EPOCHS_PER_CALL, described, now
from pipeline.tracking.sending import Sender, send_left_behind
from pipeline.tracking.store import connect, first_line

__all__ = ["LiveRun", "live_run"]

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_CALLS = 2.0
_SECONDS_BETWEEN_TRIES = 60.0  # of a server that has not answered
_SECONDS_OF_AN_EPOCH = 1.0  # that MLflow may take
_TIMES_ITS_LENGTH = 50.0  # that a try which has failed is waited for
_SECONDS_AT_AN_END = 10.0  # and at the beginning and the end of a training


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
        self._times.append(now())
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
            self._write({"what": "ended", "status": status, "time": now(), "model": made})
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
        self._note(entry)

    def _note(self, entry: Entry) -> None:
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
                    if store := self._sender.taken_to():
                        self._note({"what": "there", "store": store})
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
