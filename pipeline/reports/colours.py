"""One colour for a method in every picture, whatever else is in it."""

import colorsys
import hashlib

__all__ = ["colour"]

_PALETTE = (  # of D3's category20, the strong ones first
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
    "#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5",
)  # fmt: skip

_KNOWN = (
    "single_task", "equal_weights", "pmtrec", "pmtrec_inverse", "ials_attributes", "ials", "ials_collective", "ease",
    "item_knn", "popularity", "static_weights", "history_weights", "ials_features", "cease", "add_ease", "slim",
    "item_knn_attributes", "implicit_als", "implicit_bpr", "ials_attributes_global",
)  # fmt: skip

_FIXED = dict(zip(_KNOWN, _PALETTE, strict=True))  # of the methods that most comparisons have


def colour(method: str) -> str:
    """The colour of a method; of one that has none of its own, by its name."""
    number = int.from_bytes(hashlib.blake2b(method.encode(), digest_size=4).digest(), "little")
    if method in _FIXED:
        return _FIXED[method]
    hue, light = number % 360, 35 + number // 360 % 30
    red, green, blue = colorsys.hls_to_rgb(hue / 360, light / 100, 0.6)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
