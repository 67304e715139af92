"""What a recommender's signature takes and answers, as plain Python values. Loads nothing heavy."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from serving import errors, signatures

# The served model reads "" as "nothing here", in histories and in answers.
_ABSENT = ""


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """One candidate of an answer.

    Attributes:
      candidate_id: which candidate.
      score: the higher the better; comparable within one model version.
    """

    candidate_id: str
    score: float


def padded(lists: Sequence[Sequence[str]]) -> list[list[str]]:
    """Returns lists of one length, at least 1, with "" behind the shorter ones."""
    length = max([1, *map(len, lists)])
    return [[*items, *[_ABSENT] * (length - len(items))] for items in lists]


def query_inputs(
    query_ids: Sequence[str],
    histories: Sequence[Sequence[str]] | None,
    features: Mapping[str, Sequence],
    input_names: Sequence[str],
) -> dict[str, list]:
    """Returns the inputs of a recommend call; lists of strings per query are padded.

    Args:
      query_ids: `[num_queries]`.
      histories: per query its candidate ids, oldest first; `None` for no history, where the model takes one.
      features: feature name to `[num_queries]` values, or to one list of strings per query.
      input_names: what the signature takes.

    Raises:
      InvalidArgumentError: if one of the lists is not `[num_queries]` long, or a string stands for a list.
    """
    _require_lists("query_ids", [query_ids])
    _require_lists("histories", histories or [])
    if histories is None and signatures.HISTORY in input_names:
        histories = [[]] * len(query_ids)
    columns = {signatures.QUERY_ID: list(query_ids), **features}
    if histories is not None:
        columns[signatures.HISTORY] = histories
    inputs = {}
    for name, values in columns.items():
        if len(values) != len(query_ids):
            raise errors.InvalidArgumentError(
                f"{name} has {len(values)} entries for {len(query_ids)} query ids; give one for each query."
            )
        is_nested = any(isinstance(value, (list, tuple)) for value in values)
        inputs[name] = padded(values) if is_nested else list(values)
    return inputs


def _require_lists(name: str, values: Sequence) -> None:
    # A string is a sequence of strings too, and would be read as its letters.
    for value in values:
        if isinstance(value, (str, bytes)):
            raise errors.InvalidArgumentError(f"{name} takes lists of ids, but got {value!r}; write [{value!r}].")


def to_recommendations(outputs: Mapping[str, np.ndarray]) -> list[list[Recommendation]]:
    """Returns per query its candidates, best first; slots without a candidate are left out.

    Raises:
      FailedPreconditionError: if the answer is not that of a recommender.
    """
    missing = {signatures.CANDIDATE_IDS, signatures.SCORES}.difference(outputs)
    if missing:
        raise errors.FailedPreconditionError(
            f"The signature answers {sorted(outputs)} and not {sorted(missing)}; name the recommender's signature."
        )
    ids, scores = outputs[signatures.CANDIDATE_IDS], outputs[signatures.SCORES]
    return [
        [
            Recommendation(_to_str(candidate_id), float(score))
            for candidate_id, score in zip(row_ids, row_scores, strict=True)
            if _to_str(candidate_id) != _ABSENT
        ]
        for row_ids, row_scores in zip(ids.tolist(), scores.tolist(), strict=True)
    ]


def _to_str(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
