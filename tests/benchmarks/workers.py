"""The libraries that ``peers.py`` compares, each in a process of its own, on one core.

``python workers.py <name> <data.npz>`` answers every line of its input ("train" or "evaluate") with a line of JSON: seconds,
and how many interactions or users it worked through in them. It runs in the environment of the library, without ours, unless it
is ours. The settings are those of a plain comparison: 64 dimensions, one uniform negative, batches of 2048 where there are
batches, the library's defaults elsewhere.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Data = Mapping[str, Any]
Answers = dict[str, Callable[[], tuple[float, int]]]
DIM, BATCH, EPOCHS = 64, 2048, 3


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ours(data: Data, rule: str) -> Answers:
    """The loop as it is, but for the validation after each epoch, which the others do not make either."""
    import pandas as pd
    import torch

    from pipeline import plugins
    from pipeline.data.relation import ITEM, USER, Relation
    from pipeline.data.split import Split
    from pipeline.data.task_data import TaskData
    from pipeline.evaluation.evaluator import metric_values, rank
    from pipeline.ranking.item_lists import ItemLists
    from pipeline.ranking.scoring import Scoring
    from pipeline.training import loop
    from pipeline.training.components import build
    from pipeline.training.device import make_deterministic
    from pipeline.training.validation import Validation

    make_deterministic(threads=1)
    train_part, valid, test = (pd.DataFrame(data[part], columns=["user", "item"]) for part in ("train", "valid", "test"))
    split = Split(train_part, valid, test, int(data["n_users"]), int(data["n_items"]))
    side = [data[f"{name}_pairs"] for name in data["side"]]
    kinds = [[str(kind) for kind in data[f"{name}_kinds"]] for name in data["side"]]
    sizes = [[int(size) for size in data[f"{name}_sizes"]] for name in data["side"]]
    relations = [split.train_relation()]
    relations += [
        Relation(str(name), head, tail, pairs[:, 0].copy(), pairs[:, 1].copy(), n_heads, n_tails)
        for name, pairs, (head, tail), (n_heads, n_tails) in zip(data["side"], side, kinds, sizes, strict=True)
    ]
    cpu = torch.device("cpu")
    tasks = [TaskData(relation.name, "ranking", relation) for relation in relations]
    parts = build(tasks, 0, cpu, dim=DIM, encoder=("mf", {}), loss=("bpr", {}), rule=(rule, {}))
    validation = Validation(split)
    validation.ndcg = lambda tables: 0.0  # type: ignore[method-assign]  # noqa: ARG005
    settings = {"optimizer": "adam", "lr": 5e-3, "weight_decay": 1.0, "batch_size": BATCH, "patience": 10**6, "seed": 0}
    epochs = loop.train_epochs(parts.encoder, parts.combiner, parts.tasks, validation, epochs=10**6, **settings)  # type: ignore[arg-type]

    metrics = {name: plugins.load("metrics", name) for name in ("recall", "ndcg", "precision", "hit_rate", "mrr")}
    seen = ItemLists.of([split.train, split.valid], split.n_users, split.n_items)
    relevant = ItemLists.of([split.test], split.n_users, split.n_items)

    def evaluate() -> tuple[float, int]:
        embeddings = parts.encoder()
        users, items = embeddings.users.detach(), embeddings.items.detach()
        scoring = Scoring.of({USER: users, ITEM: items}, seen)
        seconds = timed(lambda: metric_values(rank(scoring, seen, relevant, 20), metrics, [10, 20], {}))
        return seconds, int((relevant.lengths() > 0).sum())

    def train() -> tuple[float, int]:
        return timed(lambda: [next(epochs) for _ in range(EPOCHS)]), EPOCHS * len(split.train)

    return {"train": train, "evaluate": evaluate}


def recbole(data: Data, _: str) -> Answers:
    """RecBole's BPR and its own trainer and evaluator; the time of an epoch is that of ``Trainer._train_epoch`` alone."""
    for gone_from_numpy_2, kind in (("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
        setattr(np, gone_from_numpy_2, kind)  # RecBole reads them
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.model.general_recommender import BPR
    from recbole.trainer import Trainer

    torch.set_num_threads(1)
    folder = Path.cwd()  # where it leaves logs; that of the benchmark, which goes away
    sys.argv = sys.argv[:1]  # which it reads
    (folder / "bench").mkdir()
    for part in ("train", "valid", "test"):
        lines = "".join(f"{user}\t{item}\n" for user, item in data[part])
        (folder / f"bench/bench.{part}.inter").write_text(f"user_id:token\titem_id:token\n{lines}", encoding="ascii")
    settings = {
        "data_path": str(folder),
        "checkpoint_dir": str(folder / "saved"),
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]},
        "embedding_size": DIM,
        "train_batch_size": BATCH,
        "learning_rate": 5e-3,
        "use_gpu": False,
        "state": "ERROR",
        "eval_batch_size": 64 * int(data["n_items"]),  # its fastest; its default of 4096 ranks one user at a time
        "topk": [10, 20],
        "metrics": ["Recall", "NDCG", "Precision", "Hit", "MRR"],
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "RO", "group_by": "user", "mode": "full"},
    }
    config = Config(model="BPR", dataset="bench", config_dict=settings)
    train_data, _valid, test_data = data_preparation(config, create_dataset(config))
    trainer = Trainer(config, BPR(config, train_data.dataset))
    n_users = len(np.unique(data["test"][:, 0]))

    def train() -> tuple[float, int]:
        work = lambda: [trainer._train_epoch(train_data, 0, show_progress=False) for _ in range(EPOCHS)]  # noqa: E731
        return timed(work), EPOCHS * len(data["train"])

    def evaluate() -> tuple[float, int]:
        return timed(lambda: trainer.evaluate(test_data, load_best_model=False, show_progress=False)), n_users

    return {"train": train, "evaluate": evaluate}


def matrix(data: Data, *parts: str) -> Any:
    """Sparse users x items of ones."""
    from scipy.sparse import csr_matrix

    pairs = np.concatenate([data[part] for part in parts])
    shape = (int(data["n_users"]), int(data["n_items"]))
    return csr_matrix((np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])), shape=shape)


def implicit(data: Data, _: str) -> Answers:
    """The library implicit's BPR (SGD in C++) and its ranking_metrics_at_k, for one k as it offers."""
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.evaluation import ranking_metrics_at_k

    known, seen, test = matrix(data, "train"), matrix(data, "train", "valid"), matrix(data, "test")
    model = BayesianPersonalizedRanking(factors=DIM, iterations=EPOCHS, num_threads=1, random_state=0)

    def evaluate() -> tuple[float, int]:
        work = lambda: ranking_metrics_at_k(model, seen, test, K=20, show_progress=False, num_threads=1)  # noqa: E731
        return timed(work), len(np.unique(data["test"][:, 0]))

    return {"train": lambda: (timed(lambda: model.fit(known, show_progress=False)), EPOCHS * known.nnz), "evaluate": evaluate}


def cornac(data: Data, _: str) -> Answers:
    """The library cornac's BPR (SGD in Cython)."""
    from cornac.data import Dataset
    from cornac.models import BPR

    triples = [(int(user), int(item), 1.0) for user, item in data["train"]]
    known = Dataset.build(triples)
    model = BPR(k=DIM, max_iter=EPOCHS, learning_rate=0.05, num_threads=1, seed=0, verbose=False)
    return {"train": lambda: (timed(lambda: model.fit(known)), EPOCHS * len(triples))}


class Dense:
    """Matrix factorisation in plain PyTorch on dense tables, BPR for every task."""

    def __init__(self, data: Data) -> None:
        import torch

        torch.set_num_threads(1)
        self.generator = torch.Generator().manual_seed(0)
        self.sizes = {"user": int(data["n_users"]), "item": int(data["n_items"])}
        self.pairs: list[tuple[Any, tuple[str, ...]]] = [(torch.from_numpy(data["train"]), ("user", "item"))]
        for name in data["side"]:
            kinds = tuple(str(kind) for kind in data[f"{name}_kinds"])
            self.sizes |= dict(zip(kinds, (int(size) for size in data[f"{name}_sizes"]), strict=True))
            self.pairs.append((torch.from_numpy(data[f"{name}_pairs"]), kinds))
        self.tables = {
            kind: torch.nn.Parameter(0.1 * torch.randn(size, DIM, generator=self.generator))
            for kind, size in self.sizes.items()
        }
        self.optimizer = torch.optim.Adam(self.tables.values(), lr=5e-3)

    def losses(self) -> Any:
        """Of a new batch ``[n_tasks]``."""
        import torch
        from torch.nn import functional

        found = []
        for pairs, (head, tail) in self.pairs:
            heads, tails = pairs[torch.randint(len(pairs), (BATCH,), generator=self.generator)].T
            negatives = torch.randint(self.sizes[tail], (BATCH,), generator=self.generator)
            margins = (self.tables[head][heads] * (self.tables[tail][tails] - self.tables[tail][negatives])).sum(1)
            found.append(functional.softplus(-margins).mean())
        return torch.stack(found)

    def answers(self, backward: Callable[[Any], Any], n_steps: int = 10) -> Answers:
        """Of steps whose gradients ``backward`` makes from the losses."""

        def train() -> tuple[float, int]:
            start = time.perf_counter()
            for _ in range(n_steps):
                for parameter in self.tables.values():  # not None: LibMTL writes into what is there
                    if parameter.grad is not None:
                        parameter.grad.zero_()
                backward(self.losses())
                self.optimizer.step()
            return time.perf_counter() - start, n_steps * BATCH

        return {"train": train}


def dense(data: Data, rule: str) -> Answers:
    """The sum of the losses, or a rule by TorchJD as its documentation shows it, with the options that made it fastest."""
    from torchjd import aggregation
    from torchjd.autojac import backward, jac_to_grad

    model = Dense(data)
    if rule == "sum":
        return model.answers(lambda losses: losses.sum().backward())
    aggregator = getattr(aggregation, rule)()

    def combine(losses: Any) -> None:
        backward(losses, parallel_chunk_size=1)
        jac_to_grad(model.tables.values(), aggregator, optimize_gramian_computation=True)

    return model.answers(combine)


def libmtl(data: Data, rule: str) -> Answers:
    """A weighting of LibMTL; of the package only the weightings, because the rest wants torchvision."""
    import importlib.util
    import types

    import torch

    found = importlib.util.find_spec("LibMTL")
    package = types.ModuleType("LibMTL")
    package.__path__ = list(found.submodule_search_locations)  # type: ignore[union-attr, arg-type]
    sys.modules["LibMTL"] = package
    from LibMTL import weighting

    model = Dense(data)
    weigh = getattr(weighting, rule)()
    weigh.task_num, weigh.task_name = len(model.pairs), [str(number) for number in range(len(model.pairs))]
    weigh.device, weigh.rep_grad = torch.device("cpu"), False
    weigh.get_share_params = lambda: iter(model.tables.values())

    def keep_zeros() -> None:
        for parameter in model.tables.values():
            if parameter.grad is not None:
                parameter.grad.zero_()

    weigh.zero_grad_share_params = keep_zeros
    weigh.init_param()
    return model.answers(weigh.backward)


def main() -> None:
    """Answer until the input ends."""
    name, path = sys.argv[1:]
    library, _, rule = name.partition(":")
    with contextlib.redirect_stdout(sys.stderr):
        libraries = {"recbole": recbole, "implicit": implicit, "cornac": cornac, "dense": dense, "libmtl": libmtl}
        answers = ({"ours": ours} | libraries)[library](np.load(path), rule)
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            seconds, n = answers[line.strip()]()
        print(json.dumps({"seconds": seconds, "n": n}), flush=True)


if __name__ == "__main__":
    main()
