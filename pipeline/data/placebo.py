"""Placebo relations: the real one's structure, no information. A side task's gain over them is the value of its links."""

from dataclasses import replace
from typing import Literal

import numpy as np

from pipeline.data.relation import ITEM, USER, Numbers, Relation
from pipeline.seeding import numpy_generator

__all__ = ["Placebo", "placebo"]

Placebo = Literal["rewired", "shuffled"]

_ROUNDS = 30  # enough to leave hardly any link in place


def placebo(relation: Relation, kind: Placebo, seed: int) -> Relation:
    """A relation of the same size whose links carry no information.

    Args:
        relation: Each pair once; if every pair also occurs reversed, with the same weight, the result is symmetric too.
        kind: ``"rewired"``: every node keeps its degree but gets other partners: the tails of two pairs are swapped, many
            times, unless that creates a duplicate pair or a self-loop (Maslov and Sneppen, Science 2002).
            ``"shuffled"``: the heads that have links are permuted together with their links; if heads and tails are of one
            type, the nodes of both ends are permuted. Of users and items: the pairs stay, their values are permuted.
        seed: Seed of the placebo.
    """
    generator = numpy_generator(seed, "placebo", relation.name)
    if (relation.head_type, relation.tail_type) == (USER, ITEM):
        order = generator.permutation(relation.n_edges)
        return replace(relation, values={name: of_pairs[order] for name, of_pairs in relation.values.items()})
    relation = replace(relation, values={})  # counts of other pairs
    if kind == "shuffled":
        return _shuffled(relation, generator)
    same = relation.head_type == relation.tail_type
    weights = relation.weights
    if same and _is_undirected(relation):
        once = relation.heads < relation.tails
        heads, tails = _swapped(relation.heads[once], relation.tails[once], relation.n_tails, generator, undirected=True)
        heads, tails = np.concatenate([heads, tails]), np.concatenate([tails, heads])
        weights = None if weights is None else np.tile(generator.permutation(weights[once]), 2)
    else:
        heads, tails = _swapped(relation.heads, relation.tails, relation.n_tails, generator, undirected=False, loops=not same)
        weights = None if weights is None else generator.permutation(weights)
    order = np.lexsort((tails, heads))
    return replace(relation, heads=heads[order], tails=tails[order], weights=None if weights is None else weights[order])


def _is_undirected(relation: Relation) -> bool:
    """Whether every pair also occurs reversed, with the same weight."""
    there = relation.heads * relation.n_tails + relation.tails
    back = relation.tails * relation.n_tails + relation.heads
    orders = np.argsort(there), np.argsort(back)
    w = relation.weights
    same_weights = w is None or np.array_equal(w[orders[0]], w[orders[1]])
    return np.array_equal(there[orders[0]], back[orders[1]]) and same_weights


def _shuffled(relation: Relation, generator: np.random.Generator) -> Relation:
    same = relation.head_type == relation.tail_type
    nodes = np.unique(np.concatenate([relation.heads, relation.tails]) if same else relation.heads)
    place = np.arange(relation.n_heads)
    place[nodes] = generator.permutation(nodes)
    heads, tails = place[relation.heads], place[relation.tails] if same else relation.tails
    order = np.lexsort((tails, heads))
    weights = None if relation.weights is None else relation.weights[order]
    return replace(relation, heads=heads[order], tails=tails[order], weights=weights)


def _swapped(
    heads: Numbers, tails: Numbers, n: int, generator: np.random.Generator, *, undirected: bool, loops: bool = False
) -> tuple[Numbers, Numbers]:
    """Swap tails, (a, b), (c, d) -> (a, d), (c, b), for all pairs at once in each round, where both results are new."""
    heads, tails = heads.copy(), tails.copy()
    half = heads.size // 2
    for _ in range(_ROUNDS):
        order = generator.permutation(heads.size)
        one, two = order[:half], order[half : 2 * half]
        if undirected:  # a link has no direction, so each may be read either way round
            turn = generator.random(half) < 1 / 2
            heads[one[turn]], tails[one[turn]] = tails[one[turn]], heads[one[turn]]
        old = _keys(heads, tails, n, undirected)
        new_one = _keys(heads[one], tails[two], n, undirected)
        new_two = _keys(heads[two], tails[one], n, undirected)
        both = np.concatenate([new_one, new_two])
        # Two swaps that would create the same pair are both rejected.
        unique, place, count = np.unique(both, return_inverse=True, return_counts=True)
        fresh = ((count == 1) & ~np.isin(unique, old))[place]
        good = fresh[:half] & fresh[half:]
        if not loops:
            good &= (heads[one] != tails[two]) & (heads[two] != tails[one])
        a, b = one[good], two[good]
        tails[a], tails[b] = tails[b], tails[a]
    return heads, tails


def _keys(heads: Numbers, tails: Numbers, n: int, undirected: bool) -> Numbers:
    low, high = (np.minimum(heads, tails), np.maximum(heads, tails)) if undirected else (heads, tails)
    return low * n + high
