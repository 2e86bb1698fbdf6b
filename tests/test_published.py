"""The level that others publish on LastFM (HetRec 2011), to test the evaluator: no filtering, random 8:1:1, full ranking, d 64.

RecBole-GNN's results page has Recall@10 .1761 for BPR and .2064 for LightGCN. Settings were chosen by NDCG@20 on validation.
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.data.preprocessing import preprocess
from pipeline.data.splitting import Splitting
from pipeline.evaluation.evaluator import per_user, rank
from pipeline.metrics.ndcg import ndcg
from pipeline.metrics.recall import recall
from pipeline.ranking.item_lists import ItemLists
from pipeline.training.components import build
from pipeline.training.loop import train_epochs
from pipeline.training.validation import Validation
from tests.real import read_real, skip_unless_at_hand
from tests.toy import scoring, tasks_of

SPLITTING = Splitting("random", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")
LOOP: dict[str, Any] = {"optimizer": "adam", "batch_size": 2048, "patience": 15, "seed": 0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "loop", "published"),
    [
        (("mf", {}), {"lr": 2e-3, "weight_decay": 0.5, "epochs": 150}, 0.1761),
        (("lightgcn", {"layers": 2}), {"lr": 5e-3, "weight_decay": 0.1, "epochs": 250}, 0.2064),
    ],
    ids=["BPR", "LightGCN"],
)
def test_recall_at_10_reaches_the_published_level(
    encoder: tuple[str, dict[str, Any]], loop: dict[str, Any], published: float, tmp_path: Path
) -> None:
    skip_unless_at_hand("lastfm")
    split = preprocess(read_real("lastfm", tmp_path), min_rating=None, k=0, splitting=SPLITTING).split
    data = tasks_of([split.train_relation()])
    parts = build(data, 0, torch.device("cpu"), dim=64, encoder=encoder, loss=("bpr", {}), rule=("single_task", {}))
    for _ in train_epochs(parts.encoder, parts.combiner, parts.tasks, Validation(split), **LOOP, **loop):
        pass
    tables = parts.tables()
    seen = ItemLists.of([split.train, split.valid], split.n_users, split.n_items)
    relevant = ItemLists.of([split.test], split.n_users, split.n_items)
    values = per_user(rank(scoring(tables["user"], tables["item"]), seen, relevant, 10), {"recall": recall, "ndcg": ndcg}, [10])
    found = values.drop(columns="user").mean().to_dict()
    assert found["recall@10"] > published - 0.006, found
    print(found)  # noqa: T201  # pytest -s: the table in the docs
