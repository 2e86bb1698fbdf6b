"""The lock file: the whole environment, each archive by its checksum, but for torch and what its build brings."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.sources import ROOT

LINES = (ROOT / "requirements.lock").read_text().replace(" \\\n", " ").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_each_is_pinned_with_checksums() -> None:
    pinned = re.compile(r"[a-z0-9-]+==\S+( +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in LINES if not pinned.fullmatch(line)] == []
    assert len(LINES) > 200


def test_all_that_the_project_asks_for_is_there_in_a_version_that_it_allows() -> None:
    versions = {canonicalize_name(line.split("==")[0]): Version(line.split("==")[1].split()[0]) for line in LINES}
    asked = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    asked += [one for group in PROJECT["project"]["optional-dependencies"].values() for one in group]
    requirements = {canonicalize_name(Requirement(one).name): Requirement(one) for one in asked}
    assert str(requirements.pop(canonicalize_name("torch")).specifier) == "==2.13.0", (
        "any build of it, so that it has no checksum"
    )
    assert {name: str(one) for name, one in requirements.items() if versions[name] not in one.specifier} == {}
