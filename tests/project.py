"""A folder with params.yaml in which a test runs the stages as dvc.yaml calls them."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from stages import build_tasks, check, collect, compare, download, evaluate, preprocess, refit, track, train
from tests.sources import ROOT

METHODS = ["single_task", "equal_weights", "pmtrec"]
"""Of a project in a folder."""


@dataclass(frozen=True)
class Project:
    """Made by `in_folder` or `copy_to`; everything in it is of one data set and seed 0."""

    root: Path
    dataset: str

    @classmethod
    def in_folder(cls, root: Path, dataset: str = "demo", epochs: int = 2) -> Self:
        shutil.copy(ROOT / "params.yaml", root)
        project = cls(root, dataset)
        if dataset != "demo":
            project.change_params(**{"\n- demo\n": f"\n- {dataset}\n"})
        few = {"- pmtrec\n- pmtrec_inverse\n- ials_attributes\n": "- pmtrec\n"}  # one rule of the family is enough
        project.change_params(**few, **{"  method: ials_attributes  #": "  method: pmtrec  #"})
        project.change_params(**{"  epochs: 200": f"  epochs: {epochs}", "loss: sampled_softmax ": "loss: bpr "})
        return project

    @classmethod
    def finished(cls, root: Path) -> "Project":
        """In which everything has run once; the environment must name the root as DVC does."""
        project = cls.in_folder(root)
        project.data()
        for method in METHODS:
            project.train(method)
            project.evaluate(method)
        project.collect()
        project.refit()
        project.track()
        project.compare()
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

    def as_data_folder(self) -> None:
        """Where the commands look for what the stages made."""
        (self.root / "data").mkdir(exist_ok=True)
        for name in ("processed", "tasks", "checked"):
            if not (self.root / "data" / name).exists():
                (self.root / "data" / name).symlink_to(self.root / name)

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
        costs = f"costs/{self.dataset}/{method}/0"
        self.run(train.main, *names, checked=checked, processed=processed, tasks=tasks, costs=costs, out=out)
        return self.root / out

    def evaluate(self, method: str) -> None:
        (processed,) = self._data_paths("processed")
        paths = {"processed": processed, "model": self.model(method), "out": self.result(method)}
        self.run(evaluate.main, checked="checked/evaluate.json", **paths)

    def collect(self) -> None:
        folders = {name: name for name in ("checked", "processed", "tasks", "models", "results", "costs")}
        self.run(collect.main, out="collected", **folders)

    def refit(self) -> None:
        paths = {"champion": f"collected/champions/{self.dataset}.json", "out": f"refits/{self.dataset}"}
        (processed,) = self._data_paths("processed")
        built = f"checked/{self.dataset}/build_tasks.json"
        self.run(refit.main, "--dataset", self.dataset, checked="checked/refit.json", built=built, processed=processed, **paths)

    def track(self) -> None:
        paths = {
            "params": "checked/params.yaml",
            "lock": "dvc.lock",
            "processed": "processed",
            "tasks": "tasks",
            "refits": "refits",
        }
        paths |= {"listed": "collected/listed.json", "champions": "collected/champions"}
        self.run(track.main, checked="checked/track.json", models="models", results="results", **paths)

    def compare(self) -> None:
        paths = {"processed": "processed", "tasks": "tasks", "results": "results", "models": "models", "costs": "costs"}
        paths["listed"] = "collected/listed.json"
        self.run(compare.main, checked="checked/compare.json", out="reports", **paths)

    def model(self, method: str) -> str:
        return f"models/{self.dataset}/{method}/0"

    def result(self, method: str) -> str:
        return f"results/{self.dataset}/{method}/0"

    def runs(self) -> list[Any]:
        """The trainings compared in MLflow, the oldest first."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.root}/mlflow.db")
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(ids, order_by=["attributes.start_time ASC"])
        return [run for run in runs if " seed " in run.info.run_name]

    def _data_paths(self, *folders: str) -> list[str]:
        return [f"{folder}/{self.dataset}" for folder in folders]
