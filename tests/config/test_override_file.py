from pathlib import Path

from ruamel.yaml import YAML

from pipeline.config.override_file import write_override

TEXT = """\
a: null  # said why
overrides:
  one:
    methods: &shared
      ease: {combiners: {ease: {l2: 1.0}}}  # by hand
  two:
    methods: *shared
  three: &all
    preprocess: {k_core: 5}
  four: *all
  five:
    methods:
"""
FIVE = {"combiners": {"ease": {"l2": 5.0}}}


def overrides_after(tmp_path: Path, dataset: str) -> dict[str, object]:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    write_override(path, dataset, "ease", FIVE)
    overrides: dict[str, object] = YAML(typ="safe").load(path)["overrides"]
    return overrides


def test_others_keep_what_an_alias_shares(tmp_path: Path) -> None:
    before = YAML(typ="safe").load(TEXT)["overrides"]
    for dataset in before:
        after = overrides_after(tmp_path, dataset)
        assert after.pop(dataset)["methods"] == {"ease": FIVE}  # type: ignore[index]
        assert after == {name: of for name, of in before.items() if name != dataset}


def test_a_new_data_set_and_other_options_of_a_method(tmp_path: Path) -> None:
    assert overrides_after(tmp_path, "six")["six"] == {"methods": {"ease": FIVE}}
    write_override(tmp_path / "params.yaml", "six", "ease", {"train": {"lr": 1.0}})
    six = YAML(typ="safe").load(tmp_path / "params.yaml")["overrides"]["six"]
    assert six["methods"]["ease"] == {**FIVE, "train": {"lr": 1.0}}


def test_comments_and_nulls_stay(tmp_path: Path) -> None:
    overrides_after(tmp_path, "three")
    text = (tmp_path / "params.yaml").read_text()
    assert "a: null  # said why" in text
    assert "{l2: 1.0}}}  # by hand" in text
