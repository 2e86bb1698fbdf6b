"""From a journal to MLflow: in order, and what is sent twice is there once."""

import logging
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.errors import MachineError
from pipeline.secrets import without_secret
from pipeline.tracking.deadline import within
from pipeline.tracking.journal import Entry, left_behind
from pipeline.tracking.project import is_ours
from pipeline.tracking.run import KEY, MODEL, create_run, end_orphans, find_runs, history_metrics
from pipeline.tracking.store import experiment_of, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Sender", "send_left_behind"]

log = logging.getLogger(__name__)


class Sender:
    """Sends the entries of one journal, in their order; what MLflow has already stays as it is."""

    def __init__(self, client: "MlflowClient", journal: str) -> None:
        self.client = client
        self._store = ""
        self._journal = journal
        self._experiment_id = self._run_id = self._key = ""

    def send(self, entry: Entry) -> None:
        """Send the next entry."""
        if entry["what"] == "begun":
            self._experiment_id, self._key = experiment_of(self.client, entry["dataset"]), entry["tags"][KEY]
            end_orphans(self.client, self._experiment_id)
            self._run_id = create_run(self.client, self._experiment_id, entry, self._journal)
            self._store = _store_of(self.client)
        elif entry["what"] == "epochs":
            metrics = history_metrics(pd.DataFrame(entry["rows"]), entry["times"])
            self.client.log_batch(self._run_id, metrics=metrics, synchronous=True)
        elif entry["what"] == "ended":
            self._end(entry)

    def taken_to(self) -> str:
        """The store in which the run is now, said once."""
        said, self._store = self._store, ""
        return said

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
    elsewhere: set[str] = set()

    def send(name: str, entries: list[Entry]) -> bool:
        if others := {entry["store"] for entry in entries if entry["what"] == "there"} - {_store_of(client)}:
            elsewhere.update(others)
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
    if elsewhere:
        log.info("what is missing of runs in %s waits until that is MLFLOW_TRACKING_URI again", ", ".join(sorted(elsewhere)))
    if failed:
        first = f"{len(failed)} run(s) could not be sent, the first is {failed[0]}"
        raise MachineError(f"mlflow: {first}. Fix: pmtrec sync, when MLflow is back")
    return n_sent


def _store_of(client: "MlflowClient") -> str:
    """Identifies a store, without its secrets; the own database is it wherever the folder is."""
    return without_secret(client.tracking_uri).rstrip("/") if os.environ.get("MLFLOW_TRACKING_URI") else "mlflow.db"
