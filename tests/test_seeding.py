import numpy as np

from pipeline.kernels.ties import tie_key
from pipeline.seeding import numpy_generator, torch_generator


def test_names_make_independent_generators_and_equal_names_equal_ones() -> None:
    keys: list[tuple[int, tuple[str | int, ...]]] = [
        (0, ("a", "b")),
        (0, ("ab",)),
        (0, ("a",)),
        (1, ("a",)),
        (0, ("a", "b", 1)),
    ]
    draws = [numpy_generator(seed, *names).random() for seed, names in keys]
    assert len(set(draws)) == len(draws)
    assert numpy_generator(0, "a").random() == draws[2]


def test_the_seed_of_a_name_is_pinned() -> None:
    """The first 8 bytes of the sha256 of "0", a unit separator and "a", halved.

    Another derivation would change all results: a breaking change that must not happen unseen.
    """
    assert torch_generator(0, "a").initial_seed() == 0x779612F799E535F6


def test_the_order_of_what_is_equally_good_is_that_of_every_version() -> None:
    """Another hash would give other numbers to whoever has ties."""
    users, items = (np.array(of, dtype=np.uint64) for of in ((0, 0, 1, 7), (0, 1, 0, 500)))
    assert [int(key) for key in tie_key(users, items)] == [
        0x9F8C483A1CD5B002,
        0x35872EE1BB710675,
        0x69E8AC67EE6F63DC,
        0xE548C3BF8AEF7292,
    ]
