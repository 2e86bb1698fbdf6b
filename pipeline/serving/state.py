"""The model that is served now, and the one that takes its place when the alias moves."""

import gc
import logging
import threading
import time
from dataclasses import dataclass, replace

from pipeline.errors import PmtrecError
from pipeline.ranking.recommender import Recommender
from pipeline.serving.index import approximate
from pipeline.serving.source import Source

__all__ = ["Loaded", "Served"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in memory.

    Attributes:
        model: It recommends.
        version: Which it is.
        seconds: That it took to load.
    """

    model: Recommender
    version: str
    seconds: float


class Served:
    """Holds a model; a thread of its own looks whether another one is wanted.

    A request keeps the model with which it began. A version that cannot be loaded is logged and tried again at the next look:
    what was served goes on.

    Args:
        source: Where the model comes from.
        poll: Seconds between two looks.
        index: Whether to search approximately.
    """

    def __init__(self, source: Source, poll: float = 5.0, *, index: bool = False) -> None:
        self._source, self._poll, self._index = source, poll, index
        self._alias = source.alias_version()
        self.now = self._load()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pmtrec-reload", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def look(self) -> bool:
        """Load the version that is wanted, if it is another one; whether it was."""
        wanted = self._source.alias_version()
        if wanted is None or wanted == self._alias:
            return False
        self.now = self._load()
        log.info("serving %s from now on (version %s before)", self.now.version, self._alias)
        self._alias = wanted
        return True

    def _load(self) -> Loaded:
        started = time.perf_counter()
        model, version = self._source.load()
        if self._index:
            model = replace(model, nearest=approximate(model.scoring.items))
        gc.collect()
        gc.freeze()  # a collection would look at all ids and names again and again, while requests wait
        return Loaded(model, version, time.perf_counter() - started)

    def _watch(self) -> None:
        while not self._stop.wait(self._poll):
            try:
                self.look()
            except PmtrecError as error:
                log.warning("the model stays: %s", error)
            except Exception as error:  # noqa: BLE001  # whatever it is, what is served goes on
                log.warning("the model stays: %s: %s", type(error).__name__, error)
