"""What comes from elsewhere and means harm, or is only broken, is one line: never a traceback, a hang or memory without end."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.artifacts import new_folder
from pipeline.config.layers import read_yaml
from pipeline.data.ids import IdMap
from pipeline.data.raw.description import Table
from pipeline.data.raw.layout import Layout
from pipeline.data.raw.quotes import check_quotes
from pipeline.data.raw.reading import _text, _unread
from pipeline.data.relation import USER, Relation
from pipeline.errors import InputError, IntegrityError, ParamsError, Problem
from pipeline.integrity import MANIFEST, digest, files_of, write_json
from pipeline.ranking.fold_in import Softmax
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.links import Links
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.storage import load_recommender, save_recommender
from tests.toy import interactions, scoring

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS, "more than 100,000 values, aliases counted"),
        ("a: &e {b: *e}", "more than 100,000 values"),
        ("a: " + "[" * 100_000, "nested too deep"),
        ("a: " + "9" * 4000, "an integer of more than 64 bits"),
        ("a: 2023-02-30", "not valid YAML: day "),
        ("a: !!int x", "not valid YAML"),
        ("a: !!python/object/apply:os.system [id]", "not valid YAML"),
        ("a: \ud800", "not UTF-8 text"),
    ],
)
def test_yaml(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ParamsError) as caught:
        read_yaml(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_yaml_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: 1", encoding="utf-16")
    with pytest.raises(ParamsError, match="not UTF-8 text"):
        read_yaml(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: 1", encoding="utf-8-sig")
    assert read_yaml(tmp_path / "params.yaml") == {"a": 1}


def rewritten(folder: Path) -> None:
    """With checksums that fit, as who means harm would."""
    names = [name for name in files_of(folder) if name != MANIFEST]
    write_json(folder / MANIFEST, {"sha256": {name: digest(folder / name, "sha256") for name in names}, "rows": {}})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model as it is stored, of three users, four items and a friendship."""
    seen = ItemLists.of([interactions([(0, 1), (0, 2), (2, 3)])], 3, 4)
    items = torch.tensor([[1.0, 0.0], [2.0, 0.1], [3.0, 1.0], [1.0, 3.0]])
    names = IdMap.of(["x", "y", "z"]), IdMap.of(["a", "b", "c", "d"])
    friends = Links.of(Relation("friends", USER, USER, np.array([0]), np.array([1]), 3, 3), {})
    made = Recommender(*names, scoring(torch.ones(3, 2), items), seen, Softmax(items), links=[friends])
    with new_folder(tmp_path / "model") as folder:
        save_recommender(made, folder)
    assert load_recommender(tmp_path / "model").recommend(["x"], k=1)["item_id"].tolist()
    return tmp_path / "model"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 0),
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        struct.pack("<Q", 60)
        + json.dumps({"item": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 8]}}).ljust(60).encode(),
    ],
)
def test_a_model_whose_file_is_none(model: Path, content: bytes) -> None:
    (model / "tensors.safetensors").write_bytes(content)
    rewritten(model)
    with pytest.raises(IntegrityError, match="is no recommender of this version of pmtrec"):
        load_recommender(model)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("user", lambda of: of[1:]),
        ("user", lambda of: of.double()),
        ("item", lambda of: of * torch.nan),
        ("popularity", lambda of: of[:-1]),
        ("popularity", lambda of: of.float()),
        ("seen_offsets", lambda of: of * 10**9),
        ("seen_offsets", lambda of: -of),
        ("seen_offsets", lambda of: of.flip(0)),
        ("seen_items", lambda of: of + 10**6),
        ("seen_items", lambda of: of - 10**6),
        ("fold_in", lambda of: of * torch.inf),
        ("links.0.heads", lambda of: -1 - of),
    ],
)
def test_a_model_whose_parts_do_not_fit(model: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    tensors = load_file(model / "tensors.safetensors")
    save_file(tensors | {name: change(tensors[name]).contiguous()}, model / "tensors.safetensors")
    rewritten(model)
    with pytest.raises(IntegrityError, match="is no recommender of this version of pmtrec"):
        load_recommender(model)


def test_a_line_without_end_in_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b'user,item\n"u1",' + b"a" * 2**25))
    with pytest.raises(InputError, match=r"log:2: a line of more than 16,777,216 characters"):
        check_quotes(path, "log", Layout(",", '"', True, "utf-8", 0), "gzip")


def test_brackets_without_end_are_json() -> None:
    found = _unread(b"[" * 60_000)
    assert found
    assert found[0] == "JSON"


def test_text_in_parquet_that_is_none(tmp_path: Path) -> None:
    offsets, data = pa.py_buffer(struct.pack("<ii", 0, 2)), pa.py_buffer(b"\xff\xfe")
    table = pa.table({"user": pa.StringArray.from_buffers(1, offsets, data)})
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(InputError, match=r"log user: is of type string"):
        _text(pa.parquet.read_table(tmp_path / "log.parquet"), 0, "log")


@pytest.mark.parametrize("field", ["quote", "separator"])
@pytest.mark.parametrize("sign", ["\0", "é", "\N{GRINNING FACE}"])
def test_signs_that_no_reader_takes(field: str, sign: str) -> None:
    with pytest.raises(ValueError, match="one ASCII character"):
        Table.model_validate({"path": "log.csv", field: sign})


def test_a_name_cannot_look_like_a_line_of_ours() -> None:
    error = InputError(Problem("log\npmtrec: error: forged", 1, "user\rx", "is wrong", "mend it"))
    assert str(error) == "log\\npmtrec: error: forged:1 user\\nx: is wrong. Fix: mend it"
