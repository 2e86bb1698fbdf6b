"""What comes from elsewhere and means harm, or is only broken, is one line: never a traceback, a hang or memory without end."""

import gzip
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.artifacts import new_folder
from pipeline.config.layers import read_yaml
from pipeline.data.ids import IdMap
from pipeline.data.raw.columns import as_text
from pipeline.data.raw.description import Table
from pipeline.data.raw.layout import Layout
from pipeline.data.raw.quotes import check_quotes
from pipeline.data.raw.reading import _unread, read_columns
from pipeline.data.raw.remote import copy_to, listed
from pipeline.data.relation import USER, Relation
from pipeline.errors import InputError, IntegrityError, MachineError, ParamsError, Problem
from pipeline.integrity import MANIFEST, digest, files_of, write_json
from pipeline.ranking.fold_in import Softmax
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.links import Links
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.storage import load_recommender, save_recommender
from tests.toy import interactions, scoring

LAYOUT = Layout(",", '"', True, "utf-8", 0)
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


@pytest.mark.parametrize(
    "change",
    [{"ids": []}, {"ids": None}, {"about": [1]}, {"titles": "x"}, {"titles": {"a": 1}}, {"links": [[]]}, {"ids": {"user": 1}}],
)
def test_a_model_whose_names_are_none(model: Path, change: dict[str, object]) -> None:
    write_json(model / "names.json", json.loads((model / "names.json").read_text()) | change)
    rewritten(model)
    with pytest.raises(IntegrityError, match="is no recommender of this version of pmtrec"):
        load_recommender(model)


def test_a_line_without_end_in_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b'user,item\n"u1",' + b"a" * 2**25))
    with pytest.raises(InputError, match=r"log:2: a line of more than 16,777,216 characters"):
        check_quotes(path, "log", LAYOUT, "gzip")


def test_brackets_without_end_are_json() -> None:
    found = _unread(b"[" * 60_000)
    assert found
    assert found[0] == "JSON"


def test_text_in_parquet_that_is_none(tmp_path: Path) -> None:
    offsets, data = pa.py_buffer(struct.pack("<ii", 0, 2)), pa.py_buffer(b"\xff\xfe")
    table = pa.table({"user": pa.StringArray.from_buffers(1, offsets, data)})
    pa.parquet.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(InputError, match=r"log user: is of type string"):
        as_text(pa.parquet.read_table(tmp_path / "log.parquet"), 0, "log")


@pytest.mark.parametrize("seed", range(3))
def test_parquet_of_which_the_end_was_changed_by_hand(tmp_path: Path, seed: int) -> None:
    """The footer is what the reader believes; it has no checksum."""
    path, draw = tmp_path / "log.parquet", np.random.default_rng(seed)
    pa.parquet.write_table(pa.table({"user": ["a", "b"], "item": ["x", "y"]}), path)
    whole = path.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        for place in draw.integers(struct.unpack("<I", whole[-8:-4])[0], size=4):
            content[-9 - place] = draw.integers(256)
        path.write_bytes(content)
        try:
            read_columns(path, "log", {"user": "user"}, LAYOUT)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  # many are still readable


def test_parquet_is_read_by_column(tmp_path: Path) -> None:
    """What nobody asks for may be larger than the memory, or of a kind that is not read."""
    path, others = tmp_path / "log.parquet", {"a.b": ["1", "2"], "nested": [{"user": 1}, {"user": 2}]}
    pa.parquet.write_table(pa.table({"user": ["a", "b"], **others, "item": ["x", "y"]}), path)
    found = read_columns(path, "log", {"who": "user", "what": 4, "dotted": "a.b"}, LAYOUT)
    assert found.to_dict("list") == {"who": ["a", "b"], "what": ["x", "y"], "dotted": ["1", "2"]}
    with patch("pyarrow.parquet.ParquetFile.read", autospec=True, side_effect=pa.parquet.ParquetFile.read) as read:
        read_columns(path, "log", {"who": "user"}, LAYOUT)
    assert read.call_args.args[1] == ["user"]


def test_parquet_whose_columns_have_one_name(tmp_path: Path) -> None:
    columns = [pa.array([of]) for of in ("a", "x", "b")]
    pa.parquet.write_table(pa.Table.from_arrays(columns, names=["user", "item", "user"]), path := tmp_path / "log.parquet")
    assert read_columns(path, "log", {"who": 3, "what": "item"}, LAYOUT).to_dict("list") == {"who": ["b"], "what": ["x"]}
    assert read_columns(path, "log", {"what": 2, "who": 1}, LAYOUT).to_dict("list") == {"what": ["x"], "who": ["a"]}
    with pytest.raises(InputError, match="has 2 columns 'user'"):
        read_columns(path, "log", {"who": "user"}, LAYOUT)


def test_names_that_are_too_long_or_no_text(tmp_path: Path) -> None:
    assert listed("x" * 6000) == ["x" * 6000]  # there is no such file: said by who opens it
    with pytest.raises(InputError, match="there is no file in it"):
        listed("x" * 6000 + "*")
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.csv")).touch()
    with pytest.raises(InputError, match=r"is not UTF-8\. Fix: rename that file"):
        listed(str(tmp_path))


@pytest.mark.parametrize("address", ["github://a/b.csv", "reference://a/b.csv", "dir://a/b.csv"])
def test_an_address_that_lacks_what_its_protocol_needs_is_not_tried_again(
    tmp_path: Path, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        copy_to(tmp_path / "log", address, None)
    assert not caplog.records


@pytest.mark.parametrize("field", ["quote", "separator"])
@pytest.mark.parametrize("sign", ["\0", "é", "\N{GRINNING FACE}"])
def test_signs_that_no_reader_takes(field: str, sign: str) -> None:
    with pytest.raises(ValueError, match="one ASCII character"):
        Table.model_validate({"path": "log.csv", field: sign})


def test_a_name_cannot_look_like_a_line_of_ours() -> None:
    error = InputError(Problem("log\npmtrec: error: forged", 1, "user\rx", "is wrong", "mend it"))
    assert str(error) == "log\\npmtrec: error: forged:1 user\\nx: is wrong. Fix: mend it"


@pytest.mark.parametrize("compression", ["gzip", "bz2", "zstd"])
def test_a_small_file_of_more_text_than_fits_is_refused_before_it_is_read(
    tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), compression) as stream:
        stream.write(b"user,item\n" * 2_000_000)
    monkeypatch.setattr("pipeline.memory.free_memory", lambda: 2.0**24)
    monkeypatch.setattr("pipeline.data.raw.reading.free_memory", lambda: 2.0**24)
    with pytest.raises(MachineError, match=r"log: its text needs about 0\.0 GiB, and 0\.0 GiB are free\. Fix: take less"):
        read_columns(path, "log", {"user": "user"}, LAYOUT)


def test_parquet_of_one_long_text_many_times_is_refused_before_it_is_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the file it is there once, and a number for each row."""
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array(["x" * 2**20]))
    pa.parquet.write_table(pa.table({"user": once}), path := tmp_path / "log.parquet")
    assert path.stat().st_size < 2**20
    monkeypatch.setattr("pipeline.memory.free_memory", lambda: 2.0**34)
    with pytest.raises(MachineError, match=r"log user: its text needs about 48\.8 GiB, and .* GiB are free\. Fix: take less"):
        read_columns(path, "log", {"user": "user"}, LAYOUT)
