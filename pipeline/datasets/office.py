"""Amazon Office: star ratings with the split of the authors of PMTRec, 60/20/20 at random."""

from pipeline.datasets._graphau import with_given_split

__all__ = ["office"]

office = with_given_split(
    "office",
    (
        "e52b99644acefcb761e304d14ba53da4c609c397fa384d77a01ab77be0abaf86",
        "4287fbbbce55063610dd8cd260316d03a7789aca48ece4e22bfb541b6d692f89",
        "8212ecc8059877ead8f2a9282e5864acfc1a64ecc0d66970fef91b64b2556c6a",
    ),
)
