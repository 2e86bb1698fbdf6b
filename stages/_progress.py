"""How a training shows that it goes on."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from pipeline.training.epoch import Epoch

__all__ = ["progress"]

log = logging.getLogger(__name__)


@contextmanager
def progress(name: str, n_epochs: int) -> Iterator[Callable[[Epoch], None]]:
    """What to call as an epoch ends: a bar on a terminal, every fifth epoch a line elsewhere."""
    with tqdm(total=n_epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:

        def show(epoch: Epoch) -> None:
            losses = ", ".join(f"{task} {value:.4f}" for task, value in epoch.losses.items())
            bar.set_postfix_str(f"loss {losses}; validation NDCG@20 {epoch.valid_ndcg:.4f}", refresh=False)
            bar.update()
            if bar.disable and epoch.number % 5 == 0:
                log.info("%s: epoch %3d, loss %s, validation NDCG@20 %.4f", name, epoch.number, losses, epoch.valid_ndcg)

        yield show
