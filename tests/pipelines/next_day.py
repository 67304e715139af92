"""The planted log and a day three days later: every query comes again, one candidate and one query are new."""

import csv
import pathlib

from pipelines import prepare_data
from tests import planted_log
from tests.pipelines import conftest

NEW_CANDIDATE, NEW_QUERY = "item-80", "shopper-160"
SECONDS_LATER = 3 * 24 * 60 * 60
# Of the day's interactions of a query; leave-last-out trains on the first one.
_NUM_INTERACTIONS = 3


def prepare(root: pathlib.Path) -> str:
    """Writes and prepares the log of both days; returns the prepared directory."""
    log = planted_log.write(root / "raw")
    rows, day = [], 1_600_000_000 + SECONDS_LATER
    for query in range(planted_log.NUM_QUERIES + 1):
        first = NEW_CANDIDATE if query % planted_log.NUM_GROUPS == 0 else f"item-{query % 8}"
        later = [f"item-{(query + 4 * i) % planted_log.NUM_CANDIDATES}" for i in range(1, _NUM_INTERACTIONS)]
        rows += [(f"shopper-{query}", item, day + 60 * query + i) for i, item in enumerate((first, *later))]
    _append(log.interactions, rows)
    _append(log.candidates, [(NEW_CANDIDATE, "Item <80>", "group0|all", 120.0)])
    _append(log.queries, [(NEW_QUERY, "even")])
    prepare_data.run(conftest.prepare_config(log, root / "prepared"))
    return str(root / "prepared")


def _append(path: pathlib.Path, rows: list[tuple]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
