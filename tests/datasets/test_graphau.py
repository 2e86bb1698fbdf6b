"""Office, Beauty and Toys with the split of their authors."""

from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.data.preprocessing import preprocess
from pipeline.data.splitting import Splitting
from tests.real import read_real, skip_unless_at_hand

# Counted in the files: rows of train, valid and test; users, items.
COUNTS = {
    "office": ((30_372, 10_466, 10_603), 4_905, 2_420),
    "beauty": ((112_225, 38_590, 37_078), 22_363, 12_101),
    "toys": ((94_736, 32_539, 33_593), 19_412, 11_924),
}


@pytest.mark.parametrize("name", COUNTS)
def test_every_row_keeps_its_part_and_its_stars(name: str, tmp_path: Path) -> None:
    """The first lines of Office's files."""
    for file, lines in (("train", "1265,1876,5\n1265,1541,5\n"), ("val", "1265,1071,5\n"), ("test", "1265,964,5\n")):
        (tmp_path / f"{file}.txt").write_text(lines)
    found = plugins.load("datasets", name).read(tmp_path).interactions
    assert found.to_dict("split")["data"] == [
        ["1265", "1876", 5.0, "train"],
        ["1265", "1541", 5.0, "train"],
        ["1265", "1071", 5.0, "valid"],
        ["1265", "964", 5.0, "test"],
    ]


@pytest.mark.parametrize("name", COUNTS)
def test_real_files_have_the_right_checksums_and_counts(name: str, tmp_path: Path) -> None:
    skip_unless_at_hand(name)
    raw = read_real(name, tmp_path)
    split = preprocess(raw, min_rating=None, k=0, splitting=Splitting("given")).split
    parts, users, items = COUNTS[name]
    assert (len(split.train), len(split.valid), len(split.test)) == parts
    assert (split.n_users, split.n_items) == (users, items)
    assert set(split.train["rating"]) == {1.0, 2.0, 3.0, 4.0, 5.0}
