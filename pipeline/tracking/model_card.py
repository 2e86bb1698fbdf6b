"""The model card: what a model is, learned from, was measured on, and must not be taken for."""

from collections.abc import Mapping
from typing import Any

__all__ = ["model_card"]

_LIMITS = (
    "Scores order items for one user; they are neither probabilities nor comparable between users.",
    "Users of whom nothing is known get what is popular; users with links alone the mean of their friends.",
    "Items without interactions are hardly ever recommended, but by methods that predict them from attributes.",
    "Held-out interactions were drawn from the same log: what people would have done if shown this, no metric here says.",
)


def model_card(
    about: Mapping[str, Any],
    metrics: Mapping[str, float],
    groups: Mapping[str, float],
    params: Mapping[str, Any],
    *,
    is_refit: bool,
) -> str:
    """Markdown.

    Args:
        about: ``dataset``, ``method``, ``seed``, ``epoch``, ``valid``, ``n_users``, ``n_items``, ``sizes``: part ->
            interactions.
        metrics: ``<metric>@<k>`` of the test part; of a refit those of the training whose settings it has.
        groups: Recall by popularity of the items.
        params: Key path -> value.
        is_refit: Whether it was trained on all interactions.
    """
    sizes = ", ".join(f"{n:,} {part}" for part, n in about["sizes"].items())
    if is_refit:
        sizes = f"all {sum(about['sizes'].values()):,} are trained on"
    lines = [
        f"# {about['method']} on {about['dataset']}",
        "",
        f"Recommends unseen items, the best first. Seed {about['seed']}, epoch {about['epoch']}.",
        "",
        "## Data",
        "",
        f"{about['n_users']:,} users, {about['n_items']:,} items; interactions: {sizes}.",
        "",
        "## Metrics",
        "",
    ]
    if is_refit:
        lines += [
            "**No test metric belongs to this model**: it was trained on all interactions, held-out ones included. Method and "
            f"epoch were chosen by NDCG@20 {about['valid']:.4f} on validation, in a training without the held-out parts, which "
            "had on test:",
            "",
        ]
    else:
        lines += [
            f"NDCG@20 on validation {about['valid']:.4f}; on the test part, where what is only in test was not masked:",
            "",
        ]
    lines += ["| metric | value |", "| --- | --- |", *(f"| {name} | {value:.4f} |" for name, value in metrics.items())]
    if groups:
        lines += ["", "| recall of items | value |", "| --- | --- |"]
        lines += [f"| {name} | {value:.4f} |" for name, value in groups.items()]
    lines += ["", "## Settings", "", *(f"- `{key}`: {value}" for key, value in params.items()), ""]
    lines += ["## Limits", "", *(f"- {limit}" for limit in _LIMITS), ""]
    return "\n".join(lines)
