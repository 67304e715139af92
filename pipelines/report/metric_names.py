"""Which keys of a measurement are metrics of a ranking, in what order, and how they are written."""

import re
from collections.abc import Iterable

_LABELS = {"recall": "Recall", "ndcg": "NDCG", "mrr": "MRR", "coverage": "Coverage"}
_PATTERN = re.compile(rf"({'|'.join(_LABELS)})(?:_at_(\d+))?")


def ranking_metrics(names: Iterable[str]) -> list[str]:
    """Returns the metrics among `names`: recall, NDCG, MRR, coverage, each by growing cut-off."""
    families = list(_LABELS)
    found = [(families.index(match[1]), int(match[2] or 0), match[0]) for name in names if (match := _match(name))]
    return [name for _, _, name in sorted(found)]


def label(name: str) -> str:
    """Returns `recall_at_10` as `Recall@10`; a name that is none of them stays as it is."""
    match = _match(name)
    if not match:
        return name
    return _LABELS[match[1]] + (f"@{match[2]}" if match[2] else "")


def in_a_sentence(name: str) -> str:
    """Returns `recall_at_10` as `recall@10`, and an abbreviation as it is."""
    written = label(name)
    return written.replace("Recall", "recall")


def _match(name: str) -> re.Match | None:
    return _PATTERN.fullmatch(name)
