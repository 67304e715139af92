"""Ids that are spelled almost alike: never merged, but told, since they are often one thing written in two ways."""

import string

import ibis
import ibis.expr.types as ir
from absl import logging

from pipelines.preparation.engine import Engine

_NAMED_IDS = 3


def count_similar(engine: Engine, entities: ir.Table, id_name: str) -> int:
    """Returns how many ids differ from another one by ASCII case or outer white space alone; logs a few of them.

    Args:
      engine: counts.
      entities: a table with one row for each id.
      id_name: `query_id` or `candidate_id`.
    """
    ids = entities[id_name]
    # Of ASCII letters only, since engines differ in what the lower case of others is.
    folded = ids.strip().translate(string.ascii_uppercase, string.ascii_lowercase)
    spelled = entities.select(folded=folded, id=ids).group_by("folded")
    spelled = spelled.aggregate(ids=ibis._.count(), first=ibis._.id.min(), last=ibis._.id.max())
    several = spelled.filter(spelled.ids > 1)
    total = engine.rows(several.aggregate(total=several.ids.sum().fill_null(0).cast("int64")))[0]["total"]
    if total:
        examples = engine.rows(several.order_by([ibis.desc("ids"), "folded"]).limit(_NAMED_IDS))
        named = ", ".join(f"{each['first']!r} and {each['last']!r}" for each in examples)
        logging.warning(
            "%s %ss differ from another one by case or outer white space alone, such as %s; each stays an id of its "
            "own. If they mean the same, mend the sources.",
            *(f"{total:,}", id_name, named),
        )
    return total
