"""What may be said of an own data set in params.yaml, and the line for what may not."""

from pathlib import Path

import pytest

from pipeline.config.run_config import read_config
from pipeline.errors import ParamsError
from tests.sources import CUSTOM, ROOT

MAIN = "path: c.csv, user: u, item: i"
LINKS = "path: f.csv, between: [user, user], head: a, tail: b"


def described(folder: Path, main: str = MAIN, links: str = LINKS, data_set: str = "mine", name: str = "friends") -> Path:
    custom = f"custom:\n  {data_set}:\n    interactions: {{{main}}}\n    relations:\n      {name}: {{{links}}}\n"
    path = folder / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace(CUSTOM, custom))
    return path


def test_the_base_is_right(tmp_path: Path) -> None:
    mine = read_config(described(tmp_path)).custom["mine"]
    assert mine.interactions.separator == ","
    assert mine.relations["friends"].kind == "undirected"


LOG, R = "custom.mine.interactions", "custom.mine.relations.friends"
MAIN_KEYS = (
    "path, sha256, separator, quote, header, encoding, skip_rows, user, item, rating, timestamp, unit, numbers, valid, test"
)
TEXT = "a text encoding that Python supports, such as utf-8, latin-1, cp1252 or utf-16"
UNITS = "'s', 'ms', 'us', 'ns', 'd', 'iso' or 'order'"


@pytest.mark.parametrize(
    ("main", "line"),
    [
        ("user: u, item: i", f"{LOG}.path: missing. Fix: add it"),
        ("path: c.csv, item: i", f"{LOG}.user: missing. Fix: add it"),
        ("path: c.csv, user: u", f"{LOG}.item: missing. Fix: add it"),
        ("path: '', user: u, item: i", f"{LOG}.path: must have at least 1 character (found ''). Fix: change it"),
        ("path: 7, user: u, item: i", f"{LOG}.path: must be a valid string (found 7). Fix: change it"),
        (f"{MAIN}, ratings: r", f"{LOG}.ratings: unknown key. Fix: write 'rating' (valid: {MAIN_KEYS})"),
        (f"{MAIN}, time: t", f"{LOG}.time: unknown key. Fix: write 'timestamp' (valid: {MAIN_KEYS})"),
        (f"{MAIN}, timestamp: t, unit: sec", f"{LOG}.unit: must be {UNITS} (found 'sec'). Fix: change it"),
        (f"{MAIN}, timestamp: t, unit: 1", f"{LOG}.unit: must be {UNITS} (found 1). Fix: change it"),
        (f"{MAIN}, header: 0", f"{LOG}.header: must be a valid boolean (found 0). Fix: change it"),
        (f"{MAIN}, header: infer", f"{LOG}.header: must be a valid boolean (found 'infer'). Fix: change it"),
        (f"{MAIN}, separator: ''", f"{LOG}.separator: must have at least 1 character (found ''). Fix: change it"),
        (
            f'{MAIN}, separator: "\\n"',
            f"{LOG}.separator: must be a separator without line breaks or quotes (found '\\n'). Fix: change it",
        ),
        (
            f"{MAIN}, separator: '\"'",
            f"{LOG}.separator: must be a separator without line breaks or quotes (found '\"'). Fix: change it",
        ),
        (f"{MAIN}, quote: '--'", f"{LOG}.quote: must have at most 1 character (found '--'). Fix: change it"),
        (
            f"{MAIN}, encoding: utf8mb4",
            f"{LOG}.encoding: must be {TEXT} (found 'utf8mb4'). Fix: change it",
        ),
        *(
            (
                f"{MAIN}, encoding: {name}",
                f"{LOG}.encoding: must be {TEXT} (found {name!r}). Fix: change it",
            )
            for name in ("hex", "base64", "rot13", "punycode", "zip")
        ),
        (
            'path: "a\\0b.csv", user: u, item: i',
            f"{LOG}.path: must match pattern '^[^\\x00]+$' (found 'a\\x00b.csv'). Fix: change it",
        ),
        (f"{MAIN}, skip_rows: -1", f"{LOG}.skip_rows: must be greater than or equal to 0 (found -1). Fix: change it"),
        (f"{MAIN}, sha256: abc", f"{LOG}.sha256: must match pattern '^[0-9a-f]{{64}}$' (found 'abc'). Fix: change it"),
        (
            "path: c.csv, user: 0, item: i",
            f"{LOG}.user: must be a column name or number (counted from 1) (found 0). Fix: change it",
        ),
        (
            "path: c.csv, user: -1, item: i",
            f"{LOG}.user: must be a column name or number (counted from 1) (found -1). Fix: change it",
        ),
        (
            "path: c.csv, user: '', item: i",
            f"{LOG}.user: must be a column name or number (counted from 1) (found ''). Fix: change it",
        ),
        (
            "path: c.csv, user: 1.5, item: i",
            f"{LOG}.user: must be a column name or number (counted from 1) (found 1.5). Fix: change it",
        ),
        (
            "path: c.csv, user: u, item: [i]",
            f"{LOG}.item: must be a column name or number (counted from 1) (found ['i']). Fix: change it",
        ),
        ("path: c.csv, user: u, item: u", f"{LOG}: user and item both use column 'u'. Fix: use each column only once"),
        (f"{MAIN}, rating: i", f"{LOG}: item and rating both use column 'i'. Fix: use each column only once"),
        (f"{MAIN}, valid: v.csv", f"{LOG}: only one of valid and test is set. Fix: set both, or neither"),
        (f"{MAIN}, test: t.csv", f"{LOG}: only one of valid and test is set. Fix: set both, or neither"),
    ],
)
def test_a_wrong_log_is_one_line(tmp_path: Path, main: str, line: str) -> None:
    path = described(tmp_path, main=main)
    with pytest.raises(ParamsError) as refused:
        read_config(path)
    assert f"{path}: {line}" in str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("links", "line"),
    [
        ("path: f.csv, head: a, tail: b", f"{R}.between: missing. Fix: add it"),
        ("path: f.csv, between: [user, user], tail: b", f"{R}.head: missing. Fix: add it"),
        ("path: f.csv, between: [user, user], head: a", f"{R}.tail: missing. Fix: add it"),
        ("path: f.csv, between: user, head: a, tail: b", f"{R}.between: must be a valid tuple (found 'user'). Fix: change it"),
        ("path: f.csv, between: [user], head: a, tail: b", f"{R}.between.1: missing. Fix: add it"),
        (
            "path: f.csv, between: [genre, item], head: a, tail: b",
            f"{R}: between must start with user or item (found 'genre'). Fix: write [user, ...] or [item, ...]",
        ),
        *(
            (
                f"path: f.csv, between: [{one}, {two}], head: a, tail: b",
                f"{R}: between links users with items, and a second user-item log could contain held-out interactions. "
                "Fix: remove this relation",
            )
            for one, two in (("user", "item"), ("item", "user"))
        ),
        (
            "path: f.csv, between: [user, Big City], head: a, tail: b",
            f"{R}.between.1: must match pattern '^[a-z][a-z0-9_]*$' (found 'Big City'). Fix: change it",
        ),
        (
            f"{LINKS}, shared: true",
            f"{R}: shared: true requires attributes as tails, and no weight. Fix: set it to false",
        ),
        (
            "path: f.csv, between: [item, tag], head: a, tail: b, shared: true, weight: w",
            f"{R}: shared: true requires attributes as tails, and no weight. Fix: set it to false",
        ),
        (
            "path: f.csv, between: [item, tag], head: a, tail: b, directed: true",
            f"{R}: directed: true requires [user, user] or [item, item]. Fix: set it to false",
        ),
        (f"{LINKS}, weight: a", f"{R}: head and weight both use column 'a'. Fix: use each column only once"),
        (f"{LINKS}, directed: yes", f"{R}.directed: must be a valid boolean (found 'yes'). Fix: change it"),
        (
            f"{LINKS}, tail_separator: ''",
            f"{R}.tail_separator: must have at least 1 character (found ''). Fix: change it",
        ),
        (
            f"{LINKS}, undirected: true",
            f"{R}.undirected: unknown key. Fix: write 'directed' (valid: path, sha256, separator, quote, header, encoding, "
            "skip_rows, between, head, tail, tail_separator, weight, directed, shared)",
        ),
    ],
)
def test_wrong_links_are_one_line(tmp_path: Path, links: str, line: str) -> None:
    path = described(tmp_path, links=links)
    with pytest.raises(ParamsError) as refused:
        read_config(path)
    assert f"{path}: {line}" in str(refused.value).splitlines()


@pytest.mark.parametrize("name", ["interactions", "valid", "test", "recommendation"])
def test_some_names_are_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=rf"custom\.mine\.relations: must be a name other than {name} "):
        read_config(described(tmp_path, name=name))


@pytest.mark.parametrize("name", ["Friends", "7up", "a-b", "'a b'", "../x"])
def test_a_name_becomes_part_of_paths(tmp_path: Path, name: str) -> None:
    for path in (described(tmp_path, name=name), described(tmp_path, data_set=name)):
        with pytest.raises(ParamsError, match="must match pattern"):
            read_config(path)


def test_a_data_set_of_ours_keeps_its_name(tmp_path: Path) -> None:
    path = described(tmp_path, data_set="yelp")
    with pytest.raises(ParamsError) as refused:
        read_config(path)
    assert str(refused.value) == f"{path}: custom.yelp: this name belongs to a built-in data set. Fix: choose another"
