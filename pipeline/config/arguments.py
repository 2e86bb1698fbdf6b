"""What params.yaml says, as the keyword arguments of the library: what the stages pass on."""

from collections.abc import Mapping
from typing import Any

from pipeline import plugins
from pipeline.config.overrides import flat
from pipeline.config.plugin_options import PlugIn, method_of, plugin_of, rule_name, rule_of
from pipeline.config.run_config import RunConfig
from pipeline.config.trial_build import TrialBuild
from pipeline.errors import ParamsError

__all__ = ["preprocess_arguments", "training", "Training"]

Training = dict[str, Any]
"""``kind``: one of ``METHOD_KINDS``; ``arguments``: of what it is learned by (``pipeline.training.learning.LEARN``);
``plug_ins``: (kind, name) of those in use; ``params``: key path -> value, as a run shows them."""


def preprocess_arguments(config: RunConfig) -> dict[str, Any]:
    """Of ``pipeline.data.preprocessing.preprocess``; ``splitting`` are those of ``Splitting``."""
    section = config.preprocess.model_dump(mode="json")
    renamed = {"method": section.pop("split"), "seed": section.pop("split_seed")}
    moved = {"min_rating": section.pop("min_rating"), "k": section.pop("k_core"), "keep_linked": section.pop("keep_linked")}
    return {**moved, "splitting": {**renamed, **section}}


def training(config: RunConfig, dataset: str | None, method: str, trial: TrialBuild | None = None) -> Training:
    """Everything that determines what a method learns from a data set, as JSON: it is retrained exactly when this changes.

    Args:
        config: As it stands in the file.
        dataset: A name in ``datasets``; ``None``: the file's own sections, without overrides.
        method: A name in ``methods``.
        trial: Builds each plug-in once, so that its own checks are made.

    Raises:
        ParamsError: As ``read_config``.
    """
    resolved = config if dataset is None else config.resolved(dataset, method)
    try:
        return _training(resolved, method, trial)
    except ParamsError as error:
        if resolved is config:
            raise
        whose = f"(for {dataset}/{method}, after overrides and tune.space)"  # the file's own sections are checked first
        raise ParamsError(*(f"{line} {whose}" for line in error.problems)) from error


def _training(config: RunConfig, method: str, trial: TrialBuild | None) -> Training:
    rule = method_of(config, method)
    kind = plugins.method_kind(rule[0])
    shown: dict[str, Any] = {"rule": _shown(rule), "preprocess": config.preprocess.model_dump(mode="json")}
    if kind == "solvers":
        return _solving(config, method, trial, rule, shown)
    if kind == "baselines":
        return {"kind": kind, "arguments": {"baseline": rule}, "plug_ins": [(kind, rule[0])], "params": flat(shown)}
    train = config.train
    parts = {
        "encoder": ("encoders", plugin_of(config, "encoders", train.encoder)),
        "loss": ("losses", plugin_of(config, "losses", train.loss)),
        "optimizer": ("optimizers", plugin_of(config, "optimizers", train.optimizer)),
    }
    uses_side_tasks = plugins.load("combiners", rule[0]).uses_side_tasks
    tasks = {name: task for name, task in sorted(config.tasks.items()) if uses_side_tasks or name == plugins.MAIN_TASK}
    task_losses = {}
    for name, task in tasks.items():
        loss = task.loss or _kind_of(name).loss or train.loss
        task_losses[name] = plugin_of(config, "losses", loss, task.options, config.place("tasks", name, "options"))
    _refuse_unfit(config, parts["loss"][1][0], task_losses)
    if trial:
        trial.check(kind, rule, config.place(kind, method))
        for of_kind, plug_in in parts.values():
            trial.check(of_kind, plug_in, config.place(of_kind, plug_in[0]))
        for name, plug_in in task_losses.items():
            trial.check("losses", plug_in, config.place("tasks", name, "options"), is_main=name == plugins.MAIN_TASK)
    plain = train.model_dump(mode="json", exclude={"encoder", "loss", "optimizer", "resume"})
    chosen = {part: plug_in for part, (_, plug_in) in parts.items()}
    shown |= {part: _shown(plug_in) for part, plug_in in (*chosen.items(), *((f"task.{n}", p) for n, p in task_losses.items()))}
    shown |= {"train": plain, "build_tasks": config.build_tasks.model_dump(mode="json")}
    in_use = [
        (kind, rule[0]),
        *((of_kind, of[0]) for of_kind, of in parts.values()),
        *(("losses", p[0]) for p in task_losses.values()),
    ]
    anchored = [name for name, task in tasks.items() if task.from_batch]
    _refuse_unanchored(config, anchored)
    of_tasks = {"task_losses": task_losses, "from_batch": anchored}
    shown |= {f"task.{name}.from_batch": True for name in anchored}
    return {
        "kind": kind,
        "arguments": {"rule": rule, **chosen, **plain, **{name: value for name, value in of_tasks.items() if value}},
        "plug_ins": sorted(set(in_use)),
        "params": flat(shown),
    }


def _solving(config: RunConfig, method: str, trial: TrialBuild | None, solver: PlugIn, shown: Mapping[str, Any]) -> Training:
    """Of a solver, which of the section ``train`` takes the machine alone."""
    rule = rule_of(config, method)
    if trial:
        trial.check("solvers", solver, config.place("solvers", method))
        trial.check("combiners", rule, config.place("combiners", rule_name(config, method)))
    machine = config.train.model_dump(include={"device", "threads"})
    return {
        "kind": "solvers",
        "arguments": {"solver": solver, "rule": rule, **machine},
        "plug_ins": [("combiners", rule[0]), ("solvers", solver[0])],
        "params": flat({**shown, "solver": _shown(solver), "rule": _shown(rule), "train": machine}),
    }


def _kind_of(task: str) -> Any:
    """The plug-in of a task; a relation of an own data set is a ranking task."""
    return plugins.load("tasks", task if task in plugins.names("tasks") else plugins.RANKING)


def _refuse_unfit(config: RunConfig, loss: str, task_losses: Mapping[str, PlugIn]) -> None:
    """A loss reads columns that the examples of its task have."""
    uses = {plugins.MAIN_TASK: (loss, config.place("train", "loss"))}
    uses |= {task: (name, config.place("tasks", task, "loss")) for task, (name, _) in task_losses.items()}
    problems = [
        f"{place}: {name} needs {column}, which the examples of {task} do not have. Fix: name another loss"
        for task, (name, place) in uses.items()
        for column in plugins.load("losses", name).needs
        if column not in _kind_of(task).sampler.columns
    ]
    if problems:
        raise ParamsError(*problems)


def _refuse_unanchored(config: RunConfig, anchored: list[str]) -> None:
    """Tasks whose examples cannot be drawn around the batch of the main task."""
    for name in anchored:
        place = config.place("tasks", name, "from_batch")
        if name == plugins.MAIN_TASK:
            raise ParamsError(f"{place}: the batch is that of this task. Fix: remove it")
        if config.train.negatives == "popularity":
            problem = "the negatives' correction for popularity would be that of other heads"
            raise ParamsError(f"{place}: {problem}. Fix: use train.negatives: uniform, or set it to false")


def _shown(plug_in: PlugIn) -> dict[str, Any]:
    """Options are not under the name of a rule, because methods share columns in MLflow."""
    name, options = plug_in
    return {"name": name, **options}
