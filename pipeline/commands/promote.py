"""`pmtrec promote`: which version of a registered model is served."""

from pipeline.errors import InputError
from pipeline.terminal.screen import say, show_json, show_table
from pipeline.tracking.completion import tracked
from pipeline.tracking.registry import CHAMPION, champion_version, versions
from pipeline.tracking.registry import promote as make_champion
from pipeline.tracking.store import experiment_name

__all__ = ["promote"]


def promote(dataset: str, version: str | None, force: bool, json: bool) -> None:
    """List the versions, or make one the champion.

    Raises:
        InputError: If there is none, or it is worse.
    """
    with tracked() as client:
        if version is not None:
            reason = make_champion(client, dataset, version, force=force)
            say(f"{experiment_name(dataset)} version {version} is {CHAMPION}: {reason}")
            return
        now = champion_version(client, dataset)
        rows = [{**of, "alias": CHAMPION if now and of["version"] == now[0] else ""} for of in versions(client, dataset)]
    if not rows:
        fix = "run dvc repro; in a clone that has pulled its outputs, run dvc repro -f -s track"
        raise InputError(f"{experiment_name(dataset)}: no model is registered. Fix: {fix}")
    if json:
        show_json(rows)
    else:
        show_table(rows)
