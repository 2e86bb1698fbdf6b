"""Amazon Beauty: star ratings with the split of the authors of PMTRec, 60/20/20 at random."""

from pipeline.datasets._graphau import with_given_split

__all__ = ["beauty"]

beauty = with_given_split(
    "beauty",
    (
        "56328d3dee53f9a759fa0c070fe829d87099194327427459164bbfa51a2374d1",
        "b4a0dffe372f7d667a680c8452a42cc1397d684b32b1397848cecbc6a506b73b",
        "f7fa72898390fec98d387e3387380f04e0120fbb7e189631b6a5a5a1ac7ff48f",
    ),
)
