"""A folder with params.yaml in which a test runs the stages as dvc.yaml calls them."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import build_tasks, check, compare, download, evaluate, preprocess, track, train
from tests.sources import ROOT


@dataclass(frozen=True)
class Project:
    """Made by `in_folder` or `copy_to`; everything in it is of one data set and seed 0."""

    root: Path
    dataset: str

    @classmethod
    def in_folder(cls, root: Path, dataset: str = "demo", epochs: int = 2) -> "Project":
        shutil.copy(ROOT / "params.yaml", root)
        project = cls(root, dataset)
        if dataset != "demo":
            project.change_params(**{"  - demo\n": f"  - {dataset}\n"})
        few = {"  - pmtrec\n  - pmtrec_inverse\n  - ials_attributes\n": "  - pmtrec\n"}  # one rule of the family is enough
        project.change_params(**few, **{"  method: ials_attributes  #": "  method: pmtrec  #"})
        project.change_params(**{"  epochs: 200": f"  epochs: {epochs}", "loss: sampled_softmax ": "loss: bpr "})
        return project

    def copy_to(self, root: Path, without: Iterable[str] = ()) -> "Project":
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns(*without), dirs_exist_ok=True)
        return Project(root, self.dataset)

    def change_params(self, **changes: str) -> None:
        path = self.root / "params.yaml"
        text = path.read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)

    def run(self, stage: Callable[[list[str]], None], *names: str, **paths: str) -> None:
        stage([*names, *(part for name, path in paths.items() for part in (f"--{name}", str(self.root / path)))])

    def check(self) -> None:
        self.run(check.main, params="params.yaml", out="checked")

    def data(self) -> None:
        raw, processed, tasks = self._data_paths("raw", "processed", "tasks")
        self.check()
        record, *chosen = (f"checked/{self.dataset}/{name}.json" for name in ("download", "preprocess", "build_tasks"))
        self.run(download.main, checked=record, out=raw)
        self.run(preprocess.main, checked=chosen[0], record=record, raw=raw, out=processed)
        self.run(build_tasks.main, checked=chosen[1], processed=processed, out=tasks)

    def train(self, method: str) -> Path:
        processed, tasks = self._data_paths("processed", "tasks")
        out, checked = self.model(method), f"checked/{self.dataset}/methods/{method}.json"
        names = ["--dataset", self.dataset, "--method", method, "--seed", "0"]
        self.run(train.main, *names, checked=checked, processed=processed, tasks=tasks, out=out)
        return self.root / out

    def evaluate(self, method: str) -> None:
        (processed,) = self._data_paths("processed")
        paths = {"processed": processed, "model": self.model(method), "out": self.result(method)}
        self.run(evaluate.main, checked="checked/evaluate.json", **paths)

    def track(self) -> None:
        paths = {"params": "params.yaml", "lock": "dvc.lock", "processed": "processed", "tasks": "tasks"}
        self.run(track.main, checked="checked/track.json", models="models", results="results", **paths)

    def compare(self) -> None:
        paths = {"processed": "processed", "tasks": "tasks", "results": "results", "models": "models"}
        self.run(compare.main, checked="checked/compare.json", out="reports", **paths)

    def model(self, method: str) -> str:
        return f"models/{self.dataset}/{method}/0"

    def result(self, method: str) -> str:
        return f"results/{self.dataset}/{method}/0"

    def runs(self) -> list[Any]:
        """All trainings in MLflow, the oldest first."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.root}/mlflow.db")
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(ids, order_by=["attributes.start_time ASC"])
        return [run for run in runs if run.info.run_name != "comparison"]

    def _data_paths(self, *folders: str) -> list[str]:
        return [f"{folder}/{self.dataset}" for folder in folders]
