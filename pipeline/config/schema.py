"""The sections of params.yaml, one class each: their keys, types and ranges."""

import math
from datetime import date
from typing import Annotated, Any, Literal, TypeVar, cast

import pydantic
from pydantic import Field

from pipeline.search_space import RangeOrChoices
from pipeline.strict_model import StrictModel

__all__ = ["BuildTasks", "Compare", "Evaluate", "OneOrMore", "Preprocess", "TaskSettings", "Tracking", "Train", "Tune"]


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a list without duplicates")
    return values


_T = TypeVar("_T")
# A YAML list becomes a Python list, which strict mode does not accept as a tuple.
Listed = Annotated[tuple[_T, ...], Field(strict=False), pydantic.AfterValidator(_unique)]
OneOrMore = Annotated[Listed[_T], Field(min_length=1)]


class Preprocess(StrictModel):
    """Section ``preprocess``."""

    min_rating: float | None
    k_core: Annotated[int, Field(ge=0)]
    split: Literal["random", "leave_one_out", "last_n", "stable", "temporal", "given"]
    ratios: Annotated[tuple[float, float, float], Field(strict=False)]
    last_n: Annotated[int, Field(ge=1, le=1_000_000)]
    dates: tuple[str, str] | None
    split_seed: Annotated[int, Field(ge=0)]
    cold: Literal["keep", "drop"]
    ties: Literal["random", "together"] = "random"
    keep_linked: bool = False

    @pydantic.field_validator("ratios")
    @classmethod
    def _sum_to_one(cls, ratios: tuple[float, float, float]) -> tuple[float, float, float]:
        if not (min(ratios) > 0 and math.isclose(sum(ratios), 1)):
            raise ValueError("three shares > 0 that sum to 1 (train, valid, test)")
        return ratios

    @pydantic.field_validator("dates", mode="before")
    @classmethod
    def _in_order(cls, dates: object) -> tuple[str, str] | None:
        """Two dates as YYYY-MM-DD; YAML parses them as dates unless they are quoted."""
        if dates is None:
            return None
        try:
            valid, test = (day if isinstance(day, date) else date.fromisoformat(day) for day in cast("list[Any]", dates))
        except (TypeError, ValueError):
            raise ValueError("two dates as YYYY-MM-DD: the first day of valid and the first day of test") from None
        if not valid < test:
            raise ValueError("in ascending order: the first day of valid, then the first day of test")
        return valid.isoformat(), test.isoformat()


class BuildTasks(StrictModel):
    """Section ``build_tasks``."""

    leave_out: Listed[str]
    min_count: dict[str, Annotated[int, Field(ge=1)]]
    placebo: dict[str, Literal["rewired", "shuffled"]]
    placebo_seed: Annotated[int, Field(ge=0)]


class Train(StrictModel):
    """Section ``train``."""

    encoder: str
    loss: str
    dim: Annotated[int, Field(ge=1)]
    optimizer: str
    lr: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0, le=1e6)]
    batch_size: Annotated[int, Field(ge=1)]
    negatives: Literal["uniform", "popularity", "hard"]
    epochs: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)]
    focus_epochs: Annotated[int, Field(ge=1)] | None = None
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Annotated[int, Field(ge=1)]
    resume: bool = True

    @pydantic.field_validator("weight_decay")
    @classmethod
    def _shrinks(cls, weight_decay: float, info: pydantic.ValidationInfo) -> float:
        lr = info.data.get("lr", 0.0)
        if info.data.get("optimizer") != "dense_adam" and not lr * weight_decay < 1:
            raise ValueError(f"less than 1 / lr = {1 / lr:g}, because a step scales a row by 1 - lr * weight_decay")
        return weight_decay


class TaskSettings(StrictModel):
    """Section ``tasks.<task>``.

    Attributes:
        loss: File of pipeline/losses/; ``None``: that of the task's own file, or of ``train.loss``.
        options: What differs for this task from the section ``losses.<loss>``.
        from_batch: Whether its examples are about the users and items of the main task's batch.
    """

    loss: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    from_batch: bool = False


class Evaluate(StrictModel):
    """Section ``evaluate``."""

    metrics: OneOrMore[str]
    cutoffs: OneOrMore[Annotated[int, Field(ge=1)]]


class Compare(StrictModel):
    """Section ``compare``."""

    method: str
    metric: str
    against: str | None


class Tracking(StrictModel):
    """Section ``tracking``, which ``pipeline.tracking.project`` reads where runs are logged."""

    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "pmtrec"
    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*$")] | None = None


# Key path of a setting that can be overridden per method.
KeyPath = Annotated[str, Field(pattern=r"^(train|(encoders|losses|optimizers|combiners|solvers|baselines)\.\w+)\.\w+$")]


class Tune(StrictModel):
    """Section ``tune``."""

    trials: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
    sampler: Literal["tpe", "grid"]
    prune: bool
    stages: Listed[Listed[KeyPath]]
    space: dict[KeyPath, RangeOrChoices]
    methods: dict[str, dict[KeyPath, RangeOrChoices]]

    @pydantic.model_validator(mode="after")
    def _searchable(self) -> "Tune":
        spaces = {"space": self.space, **{f"methods.{name}": of for name, of in self.methods.items()}}
        known = {key for space in spaces.values() for key in space}
        if unknown := [key for stage in self.stages for key in stage if key not in known]:
            raise ValueError(f"{unknown[0]} in stages is no key of space or methods. Fix: write one that is, or remove it")
        if self.trials < len(self.stages) + 1:
            raise ValueError(f"{self.trials} trials are too few for {len(self.stages)} stages and a rest. Fix: raise trials")
        return self
