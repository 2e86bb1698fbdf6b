"""Counts and times of requests, in the form that Prometheus reads."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["MULTIPROCESS", "Counts"]

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable: the folder in which several processes keep their counts together."""

_PATHS = ("/recommend", "/similar", "/explain", "/health", "/version", "/metrics")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Counts:
    """Of one process, or of all of them where ``MULTIPROCESS`` is set."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pmtrec_requests_total", "Requests by path and status.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "pmtrec_request_seconds", "Time of a request.", ["path"], buckets=_SECONDS, registry=self._registry
        )

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count a request; paths that are none of ours are one."""
        known = path if path in _PATHS else "other"
        self._requests.labels(known, str(status)).inc()
        self._seconds.labels(known).observe(seconds)

    def text(self) -> str:
        """What Prometheus fetches."""
        registry = self._registry
        if os.environ.get(MULTIPROCESS):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry).decode()
