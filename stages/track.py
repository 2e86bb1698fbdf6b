"""Model, history and metrics -> the MLflow run of these very files. Has no outputs, so DVC runs it when they are others."""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file

from pipeline import tracking
from pipeline.data.storage import load_ids, load_split
from pipeline.files import check_folder, new_folder, read_json, write_json
from pipeline.pictures import run_picture
from pipeline.provenance import Training, locked_stages
from pipeline.recommender import Recommender
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Find or restore the run, and bring it up to date."""
    folders = ["processed", "tasks", "model", "result"]
    args = parser(__doc__, *folders, "params", "lock", names=["dataset", "method", "seed"]).parse_args(argv)
    name = f"{args.dataset}/{args.method}/{args.seed}"
    for folder in folders:
        check_folder(getattr(args, folder))
    tables = load_file(args.model / "embeddings.safetensors")
    users, items = (load_ids(args.processed, kind) for kind in ("user", "item"))
    recommender = Recommender.of(load_split(args.processed), users, items, tables)
    history = pd.read_csv(args.model / "history.csv")
    with tempfile.TemporaryDirectory() as scratch:
        with new_folder(Path(scratch, "recommender")) as packaged:
            recommender.save(packaged)
        attached = Path(scratch, "attached")
        attached.mkdir()
        run_picture(history, name).savefig(attached / "training.png")
        shutil.copyfile(args.params, attached / "params.yaml")
        suffixes = (f"@{args.dataset}", f"@{args.dataset}-{args.method}-{args.seed}")
        write_json(attached / "dvc.lock.json", locked_stages(args.lock, suffixes))
        run_id = tracking.record(
            Training(
                args.dataset,
                name,
                read_json(args.model / "model.json")["params"],
                {"processed": args.processed, "tasks": args.tasks},
                args.model,
            ),
            history=history,
            result=args.result,
            metrics=read_json(args.result / "metrics.json"),
            recommender=Path(scratch, "recommender"),
            example_user=str(recommender.user_ids.index[0]),
            attachments=attached,
        )
    log.info("%s: MLflow run %s is up to date", name, run_id)


if __name__ == "__main__":
    run(main)
