"""A recommender on disk: tensors in safetensors, names in JSON, checksums beside; no pickle."""

from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.data.ids import IdMap
from pipeline.data.relation import ITEM, USER
from pipeline.errors import IntegrityError, ParamsError
from pipeline.integrity import check_folder, read_json, write_json
from pipeline.ranking.fold_in import FOLD_IN, LeastSquares, Softmax, fold_in_of
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.links import Links
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.scoring import HISTORY, WEIGHTS, Histories, Scoring

__all__ = ["DTYPES", "REQUIREMENTS", "load_recommender", "save_recommender"]

REQUIREMENTS = ("numpy", "pandas", "pyarrow", "safetensors", "torch")
"""Packages that a saved recommender needs."""

DTYPES = ("float32", "int8")
"""How tables are stored; int8 has a scale per row, a quarter of the size, and is float32 again in memory."""

_SCALE = ".scale"
_LARGEST = 127


def save_recommender(model: Recommender, folder: Path, dtype: str = "float32") -> None:
    """Write ``tensors.safetensors`` and ``names.json`` into a folder of ``artifacts.new_folder``, which adds checksums.

    Raises:
        ParamsError: If there is no such dtype.
    """
    if dtype not in DTYPES:
        raise ParamsError(f"dtype: there is no {dtype!r}. Fix: write one of {', '.join(DTYPES)}")
    scoring = model.scoring
    tensors: dict[str, Tensor] = {}
    if isinstance(scoring.users, Histories):
        tensors |= dict(zip(HISTORY, (scoring.users.lists.offsets, scoring.users.lists.items), strict=True))
    else:
        tensors |= _stored(USER, scoring.users, dtype)
    if scoring.items.is_sparse_csr:
        parts = (scoring.items.crow_indices(), scoring.items.col_indices(), scoring.items.values())
        tensors |= dict(zip(WEIGHTS, parts, strict=True))
    else:
        tensors |= _stored(ITEM, scoring.items, dtype)
    tensors |= {"popularity": scoring.popularity, "seen_offsets": model.seen.offsets, "seen_items": model.seen.items}
    if isinstance(model.fold_in, LeastSquares | Softmax):
        tensors[FOLD_IN] = model.fold_in.numbers
    for number, links in enumerate(model.links):
        tensors |= {f"links.{number}.heads": links.heads, f"links.{number}.tails": links.tails}
    tensors |= {f"weights.{name}": of for name, of in model.weights.items()}
    # safetensors' own writer hides the system's error
    (folder / "tensors.safetensors").write_bytes(save({name: of.contiguous().cpu() for name, of in tensors.items()}))
    others = {kind: ids for links in model.links for kind, ids in links.ids.items()}
    names = {
        "ids": {kind: list(ids.index) for kind, ids in {USER: model.user_ids, ITEM: model.item_ids, **others}.items()},
        "links": [[links.name, links.head_type, links.tail_type] for links in model.links],
        "about": dict(model.about),
        "titles": dict(model.titles),
    }
    write_json(folder / "names.json", names)


def load_recommender(folder: Path) -> Recommender:
    """Read what ``save_recommender`` wrote.

    Raises:
        IntegrityError: If a file differs from what was written.
    """
    check_folder(folder)
    try:
        return _loaded(folder)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        problem = f"is no recommender of this version of pmtrec ({type(error).__name__}: {error})"
        raise IntegrityError(f"{folder}: {problem}. Fix: make the model anew") from error


def _loaded(folder: Path) -> Recommender:
    tensors = load_file(folder / "tensors.safetensors")
    names = read_json(folder / "names.json")
    for name in [name.removesuffix(_SCALE) for name in tensors if name.endswith(_SCALE)]:
        tensors[name] = tensors[name].float() * tensors[name + _SCALE]
    ids = {kind: IdMap(pd.Index(of, dtype="str")) for kind, of in names["ids"].items()}
    seen = ItemLists(tensors["seen_offsets"], tensors["seen_items"], len(ids[ITEM]))
    scoring = Scoring.of(tensors, seen, tensors["popularity"])
    links = [
        Links(
            name,
            head,
            tail,
            tensors[f"links.{number}.heads"],
            tensors[f"links.{number}.tails"],
            {kind: ids[kind] for kind in {head, tail} - {USER, ITEM}},
        )
        for number, (name, head, tail) in enumerate(names["links"])
    ]
    weights = {name.removeprefix("weights."): of for name, of in tensors.items() if name.startswith("weights.")}
    fold_in = fold_in_of(tensors, scoring.users, scoring.items)
    return Recommender(ids[USER], ids[ITEM], scoring, seen, fold_in, links, weights, names["about"], names["titles"])


def _stored(name: str, table: Tensor, dtype: str) -> dict[str, Tensor]:
    if dtype == "float32":
        return {name: table}
    scale = (table.abs().amax(dim=1, keepdim=True) / _LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
    return {name: (table / scale).round().to(torch.int8), name + _SCALE: scale}
