"""Every name in params.yaml is that of something: a plug-in, a method, a task, a data set."""

from itertools import combinations
from typing import TYPE_CHECKING

from pipeline import plugins
from pipeline.config.overrides import LIKE, RULE
from pipeline.errors import closest
from pipeline.search_space import Range

if TYPE_CHECKING:
    from pipeline.config.run_config import RunConfig

__all__ = ["name_problems"]

Use = tuple[str, list[str], list[str]]  # key path, names found there, valid names


def name_problems(config: "RunConfig") -> list[str]:
    """One line per name that stands for nothing, naming the closest that does."""
    found = [
        f"{config.place(key)}: there is no {name!r}.{closest(name, valid)}"
        for key, names, valid in (*_uses(config), *_uses_of_plugins(config))
        for name in names
        if name not in valid and not (key == "methods" and _is_plugin(name))
    ]
    found += [
        f"{config.place('methods')}: {name!r} has no section. Fix: add {plugins.method_kind(name)}.{name}: {{}}"
        for name in config.methods
        if name not in config.method_sections and _is_plugin(name)
    ]
    sections = (("encoders", config.train.encoder), ("losses", config.train.loss), ("optimizers", config.train.optimizer))
    found += [
        f"{config.place(kind, name)}: missing. Fix: add the section {kind}.{name} ({{}} for its defaults)"
        for kind, name in sections
        if name in plugins.names(kind) and name not in getattr(config, kind)
    ]
    found += [
        f"{config.place(kind, name)}: {other} has a method of this name. Fix: choose another"
        for other, kind in combinations(plugins.METHOD_KINDS, 2)
        for name in getattr(config, kind)
        if name in getattr(config, other)
    ]
    found += [
        f"{config.place('custom', name, 'relations', relation)}: this name is that of another task. Fix: choose another"
        for name, described in config.custom.items()
        for relation in described.relations
        if relation in plugins.side_tasks() and plugins.load("tasks", relation).opt_in
    ]
    spaces = {
        "space": config.tune.space,
        **{f"methods.{name}": of for name, of in config.tune.methods.items() if name in config.methods},
    }
    found += [
        f"{config.place('tune', place, key)}: a grid has no ranges. Fix: list choices, or use sampler: tpe"
        for place, space in spaces.items()
        for key, of in space.items()
        if config.tune.sampler == "grid" and isinstance(of, Range)
    ]
    return found + [
        f"{config.place('custom', name)}: this name belongs to a built-in data set. Fix: choose another"
        for name in config.custom
        if name in plugins.names("datasets")
    ]


def _is_plugin(method: str) -> bool:
    return any(method in plugins.names(kind) for kind in plugins.METHOD_KINDS)


def _uses(config: "RunConfig") -> list[Use]:
    methods = list(config.method_sections)
    metrics = [f"{metric}@{k}" for k in config.evaluate.cutoffs for metric in config.evaluate.metrics]
    sources, tasks = config.sources(), config.side_tasks()
    return [
        ("datasets", list(config.datasets), sorted({*sources, *config.overrides})),
        *((f"overrides.{name}", [config.source(name)], sources) for name in config.overrides),
        *((f"overrides.{name}.methods", list(one.methods), methods) for name, one in config.overrides.items()),
        ("methods", list(config.methods), methods),
        ("build_tasks.leave_out", list(config.build_tasks.leave_out), tasks),
        ("build_tasks.min_count", list(config.build_tasks.min_count), tasks),
        ("build_tasks.placebo", list(config.build_tasks.placebo), tasks),
        ("tasks", list(config.tasks), [plugins.MAIN_TASK, *tasks]),
        ("compare.method", [config.compare.method], methods),
        ("compare.metric", [config.compare.metric], metrics),
        ("compare.against", [config.compare.against or config.methods[0]], list(config.methods)),
        ("tune.methods", list(config.tune.methods), methods),
        *(
            (f"combiners.{name}.by_task", list(options["by_task"]), [*tasks, "user_attributes", "item_attributes"])
            for name, options in config.combiners.items()
            if isinstance(options.get("by_task"), dict)
        ),
    ]


def _uses_of_plugins(config: "RunConfig") -> list[Use]:
    uses: list[Use] = [
        ("train.encoder", [config.train.encoder], plugins.names("encoders")),
        ("train.loss", [config.train.loss], plugins.names("losses")),
        ("train.optimizer", [config.train.optimizer], plugins.names("optimizers")),
        ("evaluate.metrics", list(config.evaluate.metrics), plugins.names("metrics")),
        *((f"tasks.{name}.loss", [task.loss], plugins.names("losses")) for name, task in config.tasks.items() if task.loss),
    ]
    uses += [
        (f"solvers.{name}.{RULE}", [str(options[RULE])], list(config.combiners))
        for name, options in config.solvers.items()
        if RULE in options
    ]
    for kind in ("encoders", "losses", "optimizers", *plugins.METHOD_KINDS):
        sections = getattr(config, kind)
        uses.append((kind, [name for name, options in sections.items() if LIKE not in options], plugins.names(kind)))
        uses += [
            (f"{kind}.{name}.{LIKE}", [str(options[LIKE])], [other for other in sections if other != name])
            for name, options in sections.items()
            if LIKE in options
        ]
    return uses
