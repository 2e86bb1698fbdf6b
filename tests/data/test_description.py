"""What may be said of an own data set in params.yaml, and the line for what may not."""

from pathlib import Path

import pytest

from pipeline.errors import ParamsError
from pipeline.params import read_params
from tests.sources import ROOT

MAIN = "path: c.csv, user: u, item: i"
LINKS = "path: f.csv, between: [user, user], head: a, tail: b"


def described(folder: Path, main: str = MAIN, links: str = LINKS, data_set: str = "mine", name: str = "friends") -> Path:
    custom = f"custom:\n  {data_set}:\n    interactions: {{{main}}}\n    relations:\n      {name}: {{{links}}}\n"
    path = folder / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("custom: {}\n", custom))
    return path


def test_the_base_is_right(tmp_path: Path) -> None:
    mine = read_params(described(tmp_path)).custom["mine"]
    assert mine.interactions.separator == ","
    assert mine.relations["friends"].form == "undirected"


LOG, R = "custom.mine.interactions", "custom.mine.relations.friends"
MAIN_KEYS = "path, sha256, separator, quote, header, encoding, skip_rows, user, item, rating, timestamp, unit, valid, test"
TEXT = "an encoding of text that Python knows, as utf-8, latin-1, cp1252 or utf-16"
UNITS = "'s', 'ms', 'us', 'ns' or 'iso'"


@pytest.mark.parametrize(
    ("main", "line"),
    [
        ("user: u, item: i", f"{LOG}.path: missing. Fix: add it"),
        ("path: c.csv, item: i", f"{LOG}.user: missing. Fix: add it"),
        ("path: c.csv, user: u", f"{LOG}.item: missing. Fix: add it"),
        ("path: '', user: u, item: i", f"{LOG}.path: found ''. Fix: write text of at least 1 character"),
        ("path: 7, user: u, item: i", f"{LOG}.path: found 7. Fix: write a valid string"),
        (f"{MAIN}, ratings: r", f"{LOG}.ratings: unknown key. Fix: write 'rating' (valid: {MAIN_KEYS})"),
        (f"{MAIN}, time: t", f"{LOG}.time: unknown key. Fix: write 'timestamp' (valid: {MAIN_KEYS})"),
        (f"{MAIN}, timestamp: t, unit: sec", f"{LOG}.unit: found 'sec'. Fix: write {UNITS}"),
        (f"{MAIN}, timestamp: t, unit: 1", f"{LOG}.unit: found 1. Fix: write {UNITS}"),
        (f"{MAIN}, header: 0", f"{LOG}.header: found 0. Fix: write a valid boolean"),
        (f"{MAIN}, header: infer", f"{LOG}.header: found 'infer'. Fix: write a valid boolean"),
        (f"{MAIN}, separator: ''", f"{LOG}.separator: found ''. Fix: write text of at least 1 character"),
        (f'{MAIN}, separator: "\\n"', f"{LOG}.separator: found '\\n'. Fix: write a separator without line breaks and quotes"),
        (f"{MAIN}, separator: '\"'", f"{LOG}.separator: found '\"'. Fix: write a separator without line breaks and quotes"),
        (f"{MAIN}, quote: '--'", f"{LOG}.quote: found '--'. Fix: write text of at most 1 character"),
        (
            f"{MAIN}, encoding: utf8mb4",
            f"{LOG}.encoding: found 'utf8mb4'. Fix: write {TEXT}",
        ),
        *(
            (
                f"{MAIN}, encoding: {name}",
                f"{LOG}.encoding: found {name!r}. Fix: write {TEXT}",
            )
            for name in ("hex", "base64", "rot13", "punycode", "zip")
        ),
        (
            'path: "a\\0b.csv", user: u, item: i',
            f"{LOG}.path: found 'a\\x00b.csv'. Fix: write text of the pattern '^[^\\x00]+$'",
        ),
        (f"{MAIN}, skip_rows: -1", f"{LOG}.skip_rows: found -1. Fix: write greater than or equal to 0"),
        (f"{MAIN}, sha256: abc", f"{LOG}.sha256: found 'abc'. Fix: write text of the pattern '^[0-9a-f]{{64}}$'"),
        ("path: c.csv, user: 0, item: i", f"{LOG}.user: found 0. Fix: write a name in the header, or a place, counted from 1"),
        (
            "path: c.csv, user: -1, item: i",
            f"{LOG}.user: found -1. Fix: write a name in the header, or a place, counted from 1",
        ),
        (
            "path: c.csv, user: '', item: i",
            f"{LOG}.user: found ''. Fix: write a name in the header, or a place, counted from 1",
        ),
        (
            "path: c.csv, user: 1.5, item: i",
            f"{LOG}.user: found 1.5. Fix: write a name in the header, or a place, counted from 1",
        ),
        (
            "path: c.csv, user: u, item: [i]",
            f"{LOG}.item: found ['i']. Fix: write a name in the header, or a place, counted from 1",
        ),
        ("path: c.csv, user: u, item: u", f"{LOG}: user and item are both column 'u'. Fix: write every column once"),
        (f"{MAIN}, rating: i", f"{LOG}: item and rating are both column 'i'. Fix: write every column once"),
        (f"{MAIN}, valid: v.csv", f"{LOG}: one of valid and test is missing. Fix: write both, or neither"),
        (f"{MAIN}, test: t.csv", f"{LOG}: one of valid and test is missing. Fix: write both, or neither"),
    ],
)
def test_a_wrong_log_is_one_line(tmp_path: Path, main: str, line: str) -> None:
    path = described(tmp_path, main=main)
    with pytest.raises(ParamsError) as refused:
        read_params(path)
    assert f"{path}: {line}" in str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("links", "line"),
    [
        ("path: f.csv, head: a, tail: b", f"{R}.between: missing. Fix: add it"),
        ("path: f.csv, between: [user, user], tail: b", f"{R}.head: missing. Fix: add it"),
        ("path: f.csv, between: [user, user], head: a", f"{R}.tail: missing. Fix: add it"),
        ("path: f.csv, between: user, head: a, tail: b", f"{R}.between: found 'user'. Fix: write a valid tuple"),
        ("path: f.csv, between: [user], head: a, tail: b", f"{R}.between.1: missing. Fix: add it"),
        (
            "path: f.csv, between: [genre, item], head: a, tail: b",
            f"{R}: between starts with 'genre'. Fix: write [user, ...] or [item, ...]",
        ),
        *(
            (
                f"path: f.csv, between: [{one}, {two}], head: a, tail: b",
                f"{R}: between links users with items, and a log beside the interactions could hold what is held out. "
                "Fix: leave this relation out",
            )
            for one, two in (("user", "item"), ("item", "user"))
        ),
        (
            "path: f.csv, between: [user, Big City], head: a, tail: b",
            f"{R}.between.1: found 'Big City'. Fix: write text of the pattern '^[a-z][a-z0-9_]*$'",
        ),
        (
            f"{LINKS}, shared: true",
            f"{R}: shared: true is for users (items) that share an attribute, without weight. Fix: write false",
        ),
        (
            "path: f.csv, between: [item, tag], head: a, tail: b, shared: true, weight: w",
            f"{R}: shared: true is for users (items) that share an attribute, without weight. Fix: write false",
        ),
        (
            "path: f.csv, between: [item, tag], head: a, tail: b, directed: true",
            f"{R}: directed: true is for [user, user] and [item, item]. Fix: write false",
        ),
        (f"{LINKS}, weight: a", f"{R}: head and weight are both column 'a'. Fix: write every column once"),
        (f"{LINKS}, directed: yes", f"{R}.directed: found 'yes'. Fix: write a valid boolean"),
        (
            f"{LINKS}, tail_separator: ''",
            f"{R}.tail_separator: found ''. Fix: write text of at least 1 character",
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
        read_params(path)
    assert f"{path}: {line}" in str(refused.value).splitlines()


@pytest.mark.parametrize("name", ["interactions", "valid", "test", "recommendation"])
def test_some_names_are_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=rf"custom\.mine\.relations: .*Fix: write another name than {name}"):
        read_params(described(tmp_path, name=name))


@pytest.mark.parametrize("name", ["Friends", "7up", "a-b", "'a b'", "../x"])
def test_a_name_becomes_part_of_paths(tmp_path: Path, name: str) -> None:
    for path in (described(tmp_path, name=name), described(tmp_path, data_set=name)):
        with pytest.raises(ParamsError, match="Fix: write text of the pattern"):
            read_params(path)


def test_a_data_set_of_ours_keeps_its_name(tmp_path: Path) -> None:
    path = described(tmp_path, data_set="yelp")
    with pytest.raises(ParamsError) as refused:
        read_params(path)
    assert str(refused.value) == f"{path}: custom.yelp: pmtrec has a data set of this name. Fix: choose another"
