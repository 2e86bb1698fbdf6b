"""Versions of a registered model, and who becomes champion."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.tracking.completion import tracked
from pipeline.tracking.registry import CHAMPION, champion_version, promote, versions
from tests.project import Project


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    project = Project.in_folder(tmp_path, epochs=1)
    project.change_params(
        **{"- single_task\n- equal_weights\n- pmtrec\n": "- popularity\n", "method: pmtrec": "method: popularity"}
    )
    project.data()
    project.train("popularity")
    project.evaluate("popularity")
    project.collect()
    project.refit()
    project.track()
    return project


def test_the_best_trained_on_everything_is_champion_and_says_why(registered: Project) -> None:
    registered.track()
    with tracked() as client:
        (only,) = versions(client, "demo")
        now = champion_version(client, "demo")
        version = client.get_model_version_by_alias("pmtrec-demo", CHAMPION)
    assert (only["version"], only["method"], only["trained on"]) == ("1", "popularity", "all interactions")
    assert only["reason"].startswith("the first: NDCG@20 0.")
    assert now is not None
    assert now[0] == "1"
    assert "**No test metric belongs to this model**" in str(version.description)
    assert "1,995 users, 1,500 items" in str(version.description)


def test_a_worse_one_is_refused_unless_one_insists(registered: Project) -> None:
    with tracked() as client:
        one = client.get_model_version("pmtrec-demo", "1")
        worse = {**one.tags, "pmtrec.valid_ndcg_at_20": "0.000001"}
        client.create_model_version("pmtrec-demo", str(one.source), one.run_id, tags=worse)
        with pytest.raises(InputError, match=r"0.0000 on validation, the champion \(version 1\) has 0.\d{4}. Fix: leave it"):
            promote(client, "demo", "2")
        assert promote(client, "demo", "2", force=True).startswith("promoted although it is worse")
        assert promote(client, "demo", "1").endswith("version 2 had 0.0000")
        with pytest.raises(InputError, match="there is no version 9"):
            promote(client, "demo", "9")
        other = {**worse, "pmtrec.data": "other data"}
        client.create_model_version("pmtrec-demo", str(one.source), one.run_id, tags=other)
        assert promote(client, "demo", "3").endswith("the data are others than those of version 1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@host:5000/x failed", "http://host:5000/x failed"),
        ("postgresql://u:pa/ss@host/db", "postgresql://host/db"),
        ("http://u:p@ss@host", "http://host"),
        ("https://b/k?X-Amz-Signature=secret&token=secret", "https://b/k?X-Amz-Signature=...&token=..."),
        ("http://host/a no@body", "http://host/a no@body"),
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
    ],
)
def test_no_secret_is_shown(text: str, shown: str) -> None:
    from pipeline.secrets import without_secret

    assert without_secret(text) == shown
