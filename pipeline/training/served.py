"""The folders of a data set and of a model -> what recommends."""

from pathlib import Path
from typing import Any

from pipeline.data.relation import ITEM, USER
from pipeline.data.storage import load_processed
from pipeline.integrity import check_folder, read_json
from pipeline.ranking.links import Links
from pipeline.ranking.recommender import Recommender
from pipeline.training.refit import without_held_out
from pipeline.training.storage import load_tables, load_weights

__all__ = ["about_model", "recommender_of"]


def about_model(processed: Path, model: Path) -> dict[str, Any]:
    """What a model is: data set, method, seed, its best epoch and value, sizes of the data set."""
    written = read_json(model / "model.json")
    manifest = read_json(processed / "manifest.json")["rows"]
    best = written["best"]
    return {
        **{key: written["params"][key] for key in ("dataset", "method", "seed")},
        "epoch": int(best["epoch"]),
        "tasks": written["tasks"],
        "sizes": {part: manifest[f"{part}.parquet"] for part in ("train", "valid", "test")},
        "n_users": manifest["ids/user.parquet"],
        "n_items": manifest["ids/item.parquet"],
    }


def recommender_of(processed: Path, model: Path, *, is_refit: bool = False) -> Recommender:
    """What recommends, with all that it can name as reasons.

    Args:
        processed: Folder of the processed data set.
        model: Folder of the model.
        is_refit: Whether it was trained on all interactions.

    Raises:
        IntegrityError: If the bytes are not those that were written.
    """
    data = load_processed(check_folder(processed))
    tables = load_tables(model)
    return Recommender.of(
        without_held_out(data.split) if is_refit else data.split,
        data.ids[USER],
        data.ids[ITEM],
        tables,
        links=[Links.of(side.links, data.ids) for side in data.sides.values()],
        weights=load_weights(model),
        about=about_model(processed, model),
        titles=data.titles,
    )
