"""Which keys of a measurement are metrics of a ranking, in what order, and how they are written."""

import re
from collections.abc import Iterable

_RANKING = {"recall": "Recall", "ndcg": "NDCG", "mrr": "MRR", "coverage": "Coverage"}
_FURTHER = {
    "precision": "Precision",
    "hit_rate": "Hit rate",
    "map": "MAP",
    "gini": "Gini of exposure",
    "novelty": "Novelty in bits",
    "intra_list_similarity": "Similarity inside lists",
}
_LABELS = {**_RANKING, **_FURTHER}
_PATTERN = re.compile(rf"({'|'.join(_LABELS)})(?:_at_(\d+))?")


def ranking_metrics(names: Iterable[str]) -> list[str]:
    """Returns the metrics among `names`: recall, NDCG, MRR, coverage, each by growing cut-off."""
    return _sorted(names, list(_RANKING))


def further_metrics(names: Iterable[str]) -> list[str]:
    """Returns those among `names` that say more of accuracy, and of what is recommended to all, in the same order."""
    return _sorted(names, list(_FURTHER))


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


def _sorted(names: Iterable[str], families: list[str]) -> list[str]:
    matches = [match for name in names if (match := _match(name)) and match[1] in families]
    found = [(families.index(match[1]), int(match[2] or 0), match[0]) for match in matches]
    return [name for _, _, name in sorted(found)]


def _match(name: str) -> re.Match | None:
    return _PATTERN.fullmatch(name)
