"""Amazon Toys: star ratings with the split of the authors of PMTRec, 60/20/20 at random."""

from pipeline.datasets._graphau import with_given_split

__all__ = ["toys"]

toys = with_given_split(
    "toys",
    (
        "05c4ffc004349fccef577bfcec78610c51a8f5992a9f42cd9a1b67e3f8c7840f",
        "cf41091f8e7c28ec49f14525c1c7df1944bd0eca23a93a81a36f35cc92220e50",
        "1548a33c86dcf5b49d37c1de17596d8a5bb5dd7ffee95b46fcf677f02d1aa5ca",
    ),
)
