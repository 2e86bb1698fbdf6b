"""The side tables in raw ids -> in numbers: links, features and titles of what the interactions have."""

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.derived import MOST_LISTED, share_listed
from pipeline.data.id_forms import other_forms
from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import ITEM, USER, NodeFeatures, Numbers, Relation, SideTable
from pipeline.data.tables import HEAD_ID, NODE_ID, TAIL_ID, TITLE, WEIGHT, RawRelation, RawTables
from pipeline.errors import InputError

__all__ = ["align_features", "known_titles", "number_all", "refuse_copies", "with_linked"]

log = logging.getLogger(__name__)


def with_linked(kind: str, ids: IdMap, in_log: IdMap, relations: Mapping[str, RawRelation]) -> IdMap:
    """The map with what occurs in links alone, behind the others."""
    columns = [
        relation.table[column]
        for relation in relations.values()
        for node_type, column in ((relation.head_type, HEAD_ID), (relation.tail_type, TAIL_ID))
        if node_type == kind
    ]
    if not columns:
        return ids
    linked = IdMap.of(pd.concat(columns))
    new = linked.index[in_log.numbers(linked.index) == UNKNOWN]
    log.info("%s: %d without interactions are kept, as they have links (preprocess.keep_linked)", kind, len(new))
    return IdMap(ids.index.append(new))


def refuse_copies(raw: RawTables, ids: Mapping[str, IdMap], numbers: Mapping[str, Numbers]) -> None:
    """Reject relations that contain the interactions, held-out ones included, under another name."""
    for name, relation in raw.relations.items():
        share = share_listed(numbers[USER], numbers[ITEM], ids[USER], ids[ITEM], relation)
        if share > MOST_LISTED:
            problem = f"contains {share:.0%} of the interactions, held-out ones included"
            raise InputError(f"{name}: {problem}. Fix: remove this relation")


def number_all(
    relations: Mapping[str, RawRelation], ids: dict[str, IdMap], in_log: Mapping[str, IdMap]
) -> dict[str, SideTable]:
    """Number the side tables, and add the id maps of their own node types to ``ids``.

    Self-loops and links of users or items without interactions are dropped. The nodes of a type are the union over all
    relations that use it.

    Args:
        relations: In raw ids.
        ids: Users and items that are kept.
        in_log: Users and items of the log as it was read.

    Raises:
        InputError: If a relation has no link to keep.
    """
    used = {name: _used(name, relation, ids, in_log) for name, relation in sorted(relations.items())}
    found: dict[str, list[pd.Series[str]]] = {}
    for name, relation in relations.items():
        for node_type, column in ((relation.head_type, HEAD_ID), (relation.tail_type, TAIL_ID)):
            if node_type not in (USER, ITEM):
                found.setdefault(node_type, []).append(relation.table[column][used[name]])
    ids.update({node_type: IdMap.of(pd.concat(raw_ids)) for node_type, raw_ids in sorted(found.items())})
    sides = {}
    for name, kept in used.items():
        relation, table = relations[name], relations[name].table[kept]
        head, tail = relation.head_type, relation.tail_type
        heads, tails = ids[head].numbers(table[HEAD_ID]), ids[tail].numbers(table[TAIL_ID])
        weights = table[WEIGHT].to_numpy() if WEIGHT in table else None
        links = Relation(name, head, tail, heads, tails, len(ids[head]), len(ids[tail]), weights)
        sides[name] = SideTable(links, relation.kind)
    return sides


def align_features(
    features: Mapping[str, pd.DataFrame], ids: Mapping[str, IdMap], in_log: Mapping[str, IdMap]
) -> dict[str, NodeFeatures]:
    """A row for every node; where a number is missing, the mean of its column.

    Raises:
        InputError: If they are of an unknown node type, or describe no node.
    """
    found = {}
    for node_type, table in features.items():
        if node_type not in ids:
            problem = f"there is no node type {node_type!r} in the interactions or relations"
            raise InputError(f"features.{node_type}: {problem}. Fix: name one of {', '.join(ids)}")
        of_nodes = table.drop_duplicates(NODE_ID).set_index(NODE_ID).reindex(ids[node_type].index)
        columns = of_nodes.columns
        forms = other_forms(table[NODE_ID], in_log.get(node_type, ids[node_type]))
        if empty := [name for name in columns if of_nodes[name].isna().all()]:
            problem = f"{empty[0]} describes no {node_type}{forms}"
            raise InputError(f"features.{node_type}: {problem}. Fix: check its ids, or leave it out")
        if forms:
            log.warning("features of %s: ids that are not in the interactions%s. Fix: write both alike", node_type, forms)
        missing, repeated = int(of_nodes.isna().any(axis=1).sum()), len(table) - table[NODE_ID].nunique()
        what = "features of %s: %d of %d nodes lack a number and get the mean of its column; %d rows of a repeated id dropped"
        log.info(what, node_type, missing, len(of_nodes), repeated)
        values = of_nodes.fillna(of_nodes.mean()).to_numpy(np.float64)
        found[node_type] = NodeFeatures(node_type, values, tuple(map(str, columns)))
    return found


def known_titles(titles: pd.DataFrame, ids: IdMap, in_log: IdMap) -> dict[str, str]:
    """Raw id -> title, of the items that are kept."""
    known = titles[ids.numbers(titles[NODE_ID]) != UNKNOWN]
    found = dict(zip(known[NODE_ID], known[TITLE], strict=True))
    log.info("titles: of %d of %d items", len(found), len(ids))
    if len(found) < len(ids) and (forms := other_forms(titles[NODE_ID], in_log)):
        log.warning("titles: ids that are not in the interactions%s. Fix: write both alike", forms)
    return found


def _used(name: str, relation: RawRelation, ids: Mapping[str, IdMap], in_log: Mapping[str, IdMap]) -> npt.NDArray[np.bool_]:
    """Mask of the links to keep."""
    known = np.ones(len(relation.table), dtype=bool)
    forms = ""
    for node_type, column in ((relation.head_type, HEAD_ID), (relation.tail_type, TAIL_ID)):
        if node_type in (USER, ITEM):
            known &= ids[node_type].numbers(relation.table[column]) != UNKNOWN
            forms = forms or other_forms(relation.table[column], in_log[node_type])
    oneself = np.zeros(len(known), dtype=bool)
    if relation.head_type == relation.tail_type:
        oneself = (relation.table[HEAD_ID] == relation.table[TAIL_ID]).to_numpy()
    found = "%s: %d links, %d dropped (user or item without interactions), %d dropped (self-loops)"
    log.info(found, name, len(known), (~known).sum(), (known & oneself).sum())
    if not (known & ~oneself).any():
        why = f"are of users or items that are not in the interactions{forms}" if not known.any() else "are with oneself"
        fix = "write ids as in the interactions" if forms else "check its columns, or leave it out"
        raise InputError(f"{name}: all {len(known):,} links {why}. Fix: {fix}")
    if forms:
        log.warning("%s: some users or items are not in the interactions%s. Fix: write both alike", name, forms)
    return known & ~oneself
