"""What MLflow loads and asks: the recommender behind the interface of its pyfunc models (``mlflow.pyfunc.PythonModel``).

Beside a model lies a copy of this module and of all that it imports, as a package whose name is made from its content (see
``pipeline.tracking.packaging``): so it neither finds nor hides a package ``pipeline`` of whoever loads it, and two models of
different code live in one process.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException

from pipeline.errors import InputError, PmtrecError
from pipeline.ranking.questions import WHO, Ask, query_of, table_of
from pipeline.ranking.storage import load_recommender

__all__ = ["ServedModel"]

_ARTIFACT = "recommender"


class ServedModel:
    """Answers rows of ``user_id``, ``items`` (a list: somebody new) or ``item_id`` (what is similar)."""

    def load_context(self, context: Any) -> None:
        """Read the recommender from the model's folder."""
        self._recommender = load_recommender(Path(context.artifacts[_ARTIFACT]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """A row per recommendation.

        Raises:
            MlflowException: If a row or a param is not what it must be; the scoring server then shows the reason alone.
        """
        try:
            if not set(WHO) & set(model_input.columns):
                raise InputError(f"there is none of the columns {', '.join(WHO)}. Fix: give one of them")
            # MLflow knows no list that is not given: an empty one means all.
            query = query_of({key: of for key, of in (params or {}).items() if not (key == "only" and len(of) == 0)})
            asks = [Ask.of(row, query) for row in model_input.to_dict("records")]
            return table_of(self._recommender, asks)
        except (PmtrecError, ValueError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        except Exception as error:
            raise MlflowException(f"{type(error).__name__}: this is a bug in pmtrec") from error
