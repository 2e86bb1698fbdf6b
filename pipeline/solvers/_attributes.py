"""Embeddings as predicted by what the nodes are linked with: attributes of items, friends of users."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from pipeline.data.links import as_matrix
from pipeline.data.relation import Relation
from pipeline.memory import refuse_too_large
from pipeline.solvers.base import Machine

__all__ = ["Predictor"]

_DENSE_COPIES = 4  # of the matrix in float64 that are in memory at once


class Predictor:
    """Predicts every node's row of a table from the other nodes' rows: ridge regression on the nodes' links.

    A node's features F are its links, each weighted by log(1 + n / number of nodes that have it), and of length 1 in all; a
    node is one of its own friends. With H = F (F'F + r I)^-1 F' = (FF' + r I)^-1 FF', where r is ``ridge``, the prediction for
    e is ((H X)[e] - H[e,e] X[e]) / (1 - H[e,e]): that of the regression without e (leave one out). Of the two forms of H that
    with the smaller matrix is used.

    Args:
        kind: Node type.
        relations: Those that describe it.
        n_nodes: Declared number of nodes.
        ridge: L2 penalty; > 0.
        machine: Where it computes.

    Raises:
        MachineError: If the smaller matrix does not fit into memory.
    """

    def __init__(self, kind: str, relations: Sequence[Relation], n_nodes: int, ridge: float, machine: Machine) -> None:
        features = _features(relations, n_nodes)
        self._features: tuple[Tensor, ...] = ()
        size, is_primal = min(features.shape), features.shape[1] < n_nodes
        what = f"{kind}_attributes: predicting {n_nodes:,} nodes with {features.shape[1]:,} different links"
        dense = _DENSE_COPIES * size**2 + (n_nodes * size if is_primal else 0)
        refuse_too_large(what, 8.0 * dense, f"set {kind}_attributes to 0, or raise preprocess.k_core")
        inner = torch.from_numpy((features.T @ features if is_primal else features @ features.T).toarray())
        matrix = inner.clone()
        matrix.diagonal().add_(ridge)
        factor = torch.linalg.cholesky(matrix)
        if is_primal:
            self._inverse = torch.cholesky_inverse(factor)
            own = torch.from_numpy(features.multiply(features @ self._inverse.numpy()).sum(axis=1))
            self._features = tuple(_sparse(of, machine) for of in (features, features.T.tocsr()))
        else:
            self._inverse = torch.cholesky_solve(inner, factor)
            own = self._inverse.diagonal().clone()
        self._inverse = self._inverse.to(machine.device, machine.dtype)
        self._own, self._rest = (part.to(machine.device, machine.dtype).unsqueeze(1) for part in (own, 1 - own))

    def __call__(self, table: Tensor) -> Tensor:
        """Predictions ``[n_nodes, dim]``; zeros for a node without links to others."""
        found = table
        if self._features:
            found = self._features[1] @ found
        found = self._inverse @ found
        if self._features:
            found = self._features[0] @ found
        return (found - self._own * table) / self._rest


def _features(relations: Sequence[Relation], n_nodes: int) -> Any:
    """``[n_nodes, n_features]``, without features that no node has."""
    features = scipy.sparse.hstack([_links(relation) for relation in relations], format="csr")
    n_having = np.asarray((features != 0).sum(axis=0)).ravel()
    features, n_having = features[:, n_having > 0], n_having[n_having > 0]
    features = features @ scipy.sparse.diags_array(np.log1p(n_nodes / n_having))
    lengths = np.sqrt(features.multiply(features).sum(axis=1))
    return (scipy.sparse.diags_array(1 / np.where(lengths > 0, lengths, 1)) @ features).tocsr()


def _links(relation: Relation) -> Any:
    """``[n_heads, n_tails]``; within one node type in both directions, and with oneself."""
    found = as_matrix(relation).astype(np.float64)
    if relation.head_type == relation.tail_type:
        found = found + found.T + scipy.sparse.eye_array(relation.n_heads, format="csr")
        found.data[:] = 1
    return found


def _sparse(matrix: Any, machine: Machine) -> Tensor:
    parts = [torch.from_numpy(np.asarray(part)) for part in (matrix.indptr, matrix.indices, matrix.data)]
    with warnings.catch_warnings():  # torch says once that its sparse matrices are in beta state
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(parts[0], parts[1], parts[2], matrix.shape).to(machine.device, machine.dtype)
