"""A recommender on disk: tensors in safetensors, names in JSON, checksums beside; no pickle."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
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
        IntegrityError: If a file differs from what was written, or if it was made by somebody else, of parts that do not fit.
    """
    check_folder(folder)
    try:
        return _loaded(folder)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, SafetensorError) as error:
        problem = f"is no recommender of this version of pmtrec ({type(error).__name__}: {error})"
        raise IntegrityError(f"{folder}: {problem}. Fix: make the model anew") from error


def _loaded(folder: Path) -> Recommender:
    tensors = load_file(folder / "tensors.safetensors")
    names = read_json(folder / "names.json")
    if not all(isinstance(names[of], dict) for of in ("ids", "about", "titles")):
        raise TypeError("names.json: ids, about and titles must be objects")
    if not all(isinstance(title, str) for title in names["titles"].values()):
        raise TypeError("names.json: titles must be texts")
    for name in [name.removesuffix(_SCALE) for name in tensors if name.endswith(_SCALE)]:
        tensors[name] = tensors[name].float() * tensors[name + _SCALE]
    ids = {kind: IdMap(pd.Index(of, dtype="str")) for kind, of in names["ids"].items()}
    _refuse_what_does_not_fit(tensors, len(ids[USER]), len(ids[ITEM]))
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


def _refuse_what_does_not_fit(tensors: Mapping[str, Tensor], n_users: int, n_items: int) -> None:
    """A model may come from elsewhere: numbers of rows that do not exist would be read as memory.

    Raises:
        ValueError: If a tensor is not what its name says.
    """
    for name, n_rows in ((USER, n_users), (ITEM, n_items)):
        table = tensors.get(name)
        if table is not None and (table.dtype != torch.float32 or table.shape != (n_rows, table.shape[-1])):
            raise ValueError(f"{name}: is no table of {n_rows} rows")
    for name, of in tensors.items():
        is_weight = name.startswith("weights.")  # NaN is a weight that there was none of
        if of.is_floating_point() and not is_weight and not of.isfinite().all():
            raise ValueError(f"{name}: holds numbers that are not finite")
    if tensors["popularity"].dtype != torch.int64 or tensors["popularity"].shape != (n_items,):
        raise ValueError(f"popularity: is not one number for each of {n_items} items")
    lists = [("seen_offsets", "seen_items", n_users), (*HISTORY, n_users), (*WEIGHTS[:2], n_items)]
    for offsets, items, n_lists in lists:
        if offsets in tensors:
            _refuse_lists(tensors[offsets], tensors[items], n_lists, n_items)
    for name in (name for name in tensors if name.startswith("links.")):
        if tensors[name].dtype != torch.int64 or tensors[name].ndim != 1 or (tensors[name] < 0).any():
            raise ValueError(f"{name}: is no list of numbers")


def _refuse_lists(offsets: Tensor, items: Tensor, n_lists: int, n_items: int) -> None:
    is_right = offsets.dtype == items.dtype == torch.int64 and offsets.shape == (n_lists + 1,) and items.ndim == 1
    if not is_right or offsets[0] != 0 or offsets[-1] != len(items) or (offsets.diff() < 0).any():
        raise ValueError("lists of items do not end where the next ones begin")
    if len(items) and not 0 <= int(items.min()) <= int(items.max()) < n_items:
        raise ValueError("lists name items that there are none of")


def _stored(name: str, table: Tensor, dtype: str) -> dict[str, Tensor]:
    if dtype == "float32":
        return {name: table}
    scale = (table.abs().amax(dim=1, keepdim=True) / _LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
    return {name: (table / scale).round().to(torch.int8), name + _SCALE: scale}
