"""Names of metrics that several rooms must agree on."""

__all__ = ["PEAK_MEMORY", "SECONDS", "VALIDATION_CUTOFF", "VALIDATION_METRIC"]

VALIDATION_CUTOFF = 20
VALIDATION_METRIC = f"valid/ndcg_at_{VALIDATION_CUTOFF}"
"""Decides on the best epoch and the best settings: a column of a training's history, and a metric of its run."""

SECONDS = "cost/seconds"
"""Run metric: seconds since the start of training, at the end of each epoch."""

PEAK_MEMORY = "cost/peak_memory_mib"
"""Run metric: peak memory of the process so far, in MiB; on CUDA, peak memory that torch has allocated on the device."""
