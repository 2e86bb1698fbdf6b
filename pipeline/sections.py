"""The sections of params.yaml that a stage reads, one class each: their keys, types and ranges."""

import math
from datetime import date
from typing import Annotated, Any, Literal, TypeVar, cast

import pydantic
from pydantic import Field

from pipeline.data.splitting import Splitting
from pipeline.section import Section

__all__ = ["BuildTasks", "Choices", "Compare", "Evaluate", "OneOrMore", "Preprocess", "Range", "Train", "Tune"]


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("every entry once")
    return values


_T = TypeVar("_T")
# A YAML list is a Python list, which strict mode refuses for a tuple.
Listed = Annotated[tuple[_T, ...], Field(strict=False), pydantic.AfterValidator(_unique)]
OneOrMore = Annotated[Listed[_T], Field(min_length=1)]


class Preprocess(Section):
    """Section ``preprocess``."""

    min_rating: float | None
    k_core: Annotated[int, Field(ge=0)]
    split: Literal["random", "leave_one_out", "last_n", "temporal", "given"]
    ratios: Annotated[tuple[float, float, float], Field(strict=False)]
    last_n: Annotated[int, Field(ge=1, le=1_000_000)]
    dates: tuple[str, str] | None
    split_seed: Annotated[int, Field(ge=0)]
    cold: Literal["keep", "drop"]

    @pydantic.field_validator("ratios")
    @classmethod
    def _sum_to_one(cls, ratios: tuple[float, float, float]) -> tuple[float, float, float]:
        if not (min(ratios) > 0 and math.isclose(sum(ratios), 1)):
            raise ValueError("three shares > 0 that sum to 1 (train, valid, test)")
        return ratios

    @pydantic.field_validator("dates", mode="before")
    @classmethod
    def _in_order(cls, dates: object) -> tuple[str, str] | None:
        """Two days as 2024-05-31; YAML makes dates of them where they are not in quotes."""
        if dates is None:
            return None
        try:
            valid, test = (day if isinstance(day, date) else date.fromisoformat(day) for day in cast("list[Any]", dates))
        except (TypeError, ValueError):
            raise ValueError("two dates, as 2024-05-31: the first of valid and the first of test") from None
        if not valid < test:
            raise ValueError("the first date of valid before the first date of test")
        return valid.isoformat(), test.isoformat()

    def splitting(self) -> Splitting:
        """The same as the library takes it."""
        return Splitting(self.split, self.ratios, self.last_n, self.dates, self.split_seed, self.cold)


class BuildTasks(Section):
    """Section ``build_tasks``."""

    leave_out: Listed[str]
    placebo: dict[str, Literal["rewired", "shuffled"]]
    placebo_seed: Annotated[int, Field(ge=0)]


class Train(Section):
    """Section ``train``."""

    encoder: str
    loss: str
    dim: Annotated[int, Field(ge=1)]
    optimizer: Literal["adam", "dense_adam", "adagrad", "rowwise_adagrad", "sgd"]
    lr: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: Annotated[int, Field(ge=1)]
    negatives: Literal["uniform", "popularity", "hard"]
    epochs: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Annotated[int, Field(ge=1)]

    def loop(self) -> dict[str, Any]:
        """Keyword arguments of ``fit``."""
        return self.model_dump(exclude={"encoder", "loss", "dim", "device", "threads"})

    @pydantic.field_validator("weight_decay")
    @classmethod
    def _shrinks(cls, weight_decay: float, info: pydantic.ValidationInfo) -> float:
        lr = info.data.get("lr", 0.0)
        if not lr * weight_decay < 1:
            raise ValueError(f"less than 1 / lr = {1 / lr:g}: a step shrinks a row by the factor 1 - lr * weight_decay")
        return weight_decay


class Evaluate(Section):
    """Section ``evaluate``."""

    metrics: OneOrMore[str]
    cutoffs: OneOrMore[Annotated[int, Field(ge=1)]]


class Compare(Section):
    """Section ``compare``."""

    method: str
    metric: str
    against: str | None


class Range(Section):
    """Numbers with a fraction to be searched, of which three digits count; whole numbers are ``Choices``."""

    low: float
    high: float
    log: bool = False

    @pydantic.model_validator(mode="after")
    def _is_one(self) -> "Range":
        if not (self.low < self.high and (self.low > 0 or not self.log)):
            raise ValueError("low less than high, and with log both above 0")
        return self

    def suggest(self, trial: Any, key: str) -> float:
        """One number, of an Optuna trial."""
        return float(f"{trial.suggest_float(key, self.low, self.high, log=self.log):.3g}")


class Choices(Section):
    """Values to be searched."""

    choices: OneOrMore[Any]

    def suggest(self, trial: Any, key: str) -> Any:
        """One of them, of an Optuna trial."""
        return trial.suggest_categorical(key, self.choices)


# A key path of what may be other for a method.
KeyPath = Annotated[str, Field(pattern=r"^(train|(encoders|losses|combiners)\.\w+)\.\w+$")]


class Tune(Section):
    """Section ``tune``."""

    trials: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
    space: dict[KeyPath, Range | Choices]
    methods: dict[str, dict[KeyPath, Range | Choices]]
