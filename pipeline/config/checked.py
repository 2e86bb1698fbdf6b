"""What the stage ``check`` writes for the others: their arguments, and by which code they are to work.

A file of ``data/checked`` changes exactly when what a stage makes has to be made anew, so it is all that the stage depends on
beside its data.
"""

from collections.abc import Iterator
from typing import Any

from pipeline import plugins
from pipeline.config.arguments import preprocess_arguments, training
from pipeline.config.dataset_record import dataset_record
from pipeline.config.plugin_options import method_of, plugin_of, rule_of
from pipeline.config.run_config import RunConfig
from pipeline.config.search import check_spaces
from pipeline.config.trial_build import TrialBuild
from pipeline.errors import ParamsError
from pipeline.fingerprint import fingerprint
from pipeline.metrics.base import is_lower_better, needs

__all__ = ["checked_files"]

File = tuple[str, dict[str, Any]]


def checked_files(config: RunConfig) -> Iterator[File]:
    """Path below ``data/checked`` and content of every file.

    Raises:
        ParamsError: If anything in params.yaml is wrong, used or not.
    """
    for name in config.method_sections:
        method_of(config, name)
    for name in config.solvers:
        rule_of(config, name)
    trial = TrialBuild(config.side_tasks())
    for kind in ("encoders", "losses", "optimizers"):
        for name in getattr(config, kind):
            trial.check(kind, plugin_of(config, kind, name), config.place(kind, name))
    for method in config.methods:  # what is wrong in a section itself is not blamed on an override of the first data set
        training(config, None, method, trial)
    for dataset in config.datasets:
        yield from _of_dataset(config, dataset, trial)
    check_spaces(config, trial)  # after what it begins from
    evaluate = {**config.evaluate.model_dump(mode="json"), "threads": config.train.threads}
    for name in config.evaluate.metrics:
        needs(plugins.load("metrics", name))
    metrics = [plugins.module_of("metrics", name) for name in config.evaluate.metrics]
    yield "evaluate.json", {"arguments": evaluate, "code": _code("stages.evaluate", *metrics)}
    compared = config.model_dump(mode="json", include={"datasets", "methods", "seeds"}) | config.compare.model_dump(mode="json")
    compared["lower_is_better"] = is_lower_better(plugins.load("metrics", config.compare.metric.partition("@")[0]))
    compared["metrics"] = [f"{metric}@{k}" for k in config.evaluate.cutoffs for metric in config.evaluate.metrics]
    yield "compare.json", {"arguments": compared, "code": _code("stages.compare", *metrics, whole=True)}
    listed = {name: list(getattr(config, name)) for name in ("datasets", "methods", "seeds")}
    yield "collect.json", {"arguments": listed, "code": _code("stages.collect")}
    yield "resume.json", {"resume": config.train.resume}
    yield "refit.json", {"code": _code("stages.refit")}
    yield "track.json", {"arguments": {**listed, **config.tracking.model_dump()}, "code": _code("stages.track", whole=True)}


def _of_dataset(config: RunConfig, dataset: str, trial: TrialBuild) -> Iterator[File]:
    of_dataset = config.resolved(dataset)
    raw = dataset_record(config, dataset)
    reader = plugins.module_of("datasets", raw["plug_in"])
    yield f"{dataset}/download.json", {**raw, "code": _code("stages.download", reader)}
    arguments = preprocess_arguments(of_dataset)
    yield f"{dataset}/preprocess.json", {"arguments": arguments, "code": _code("stages.preprocess", reader)}
    kinds = {name: plugins.load("tasks", name).loss for name in plugins.names("tasks")}
    tasks = [plugins.module_of("tasks", name) for name in kinds]
    tasks += sorted({plugins.module_of("losses", loss) for loss in kinds.values() if loss})
    build_tasks = of_dataset.build_tasks.model_dump(mode="json") | {"named": sorted(of_dataset.tasks)}
    yield f"{dataset}/build_tasks.json", {"arguments": build_tasks, "code": _code("stages.build_tasks", *tasks)}
    for method in config.methods:
        named = set(config.resolved(dataset, method).tasks) - set(of_dataset.tasks)
        if unbuilt := [name for name in sorted(named) if name in kinds and plugins.load("tasks", name).opt_in]:
            place = f"{config.path}: overrides.{dataset}.methods.{method}.tasks.{unbuilt[0]}"
            raise ParamsError(
                f"{place}: is built for all methods or none. Fix: name it in tasks, or in overrides.{dataset}.tasks"
            )
        found = training(config, dataset, method, trial)
        modules = [plugins.module_of(kind, name) for kind, name in found.pop("plug_ins")]
        yield f"{dataset}/methods/{method}.json", {**found, "code": _code("stages.train", *modules)}


def _code(*modules: str, whole: bool = False) -> dict[str, Any]:
    """What a stage holds its own code against, before it works (see ``pipeline.fingerprint.check_code``)."""
    return {"modules": list(modules), "whole": whole, "fingerprint": fingerprint(*modules, whole=whole)}
