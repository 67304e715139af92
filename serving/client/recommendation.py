"""What a recommender's signature takes and answers, as plain Python values. Loads nothing heavy."""

import dataclasses
import numbers
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from serving import errors, signatures
from serving.client import model_info

# The served model reads "" as "nothing here", in lists and in answers; beside it stand a weight of 0 or no moment.
_ABSENT = ""
_NO_WEIGHT = 0.0
_NO_MOMENT = -1
_FILLINGS = {"DT_STRING": _ABSENT, "DT_INT64": _NO_MOMENT}


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """One candidate of an answer.

    Attributes:
      candidate_id: which candidate.
      score: the higher the better; comparable within one model version.
    """

    candidate_id: str
    score: float


def padded(lists: Sequence[Sequence], filling: str | float = _ABSENT) -> list[list]:
    """Returns lists of one length, at least 1, with the filling behind the shorter ones."""
    length = max([1, *map(len, lists)])
    return [[*items, *[filling] * (length - len(items))] for items in lists]


def query_inputs(
    query_ids: Sequence[str],
    histories: Sequence[Sequence[str]] | None,
    features: Mapping[str, Sequence],
    input_specs: Mapping[str, model_info.TensorSpec],
) -> dict[str, list]:
    """Returns the inputs of a recommend call; lists per query are padded, of strings with "", of weights with 0.

    Moments of a history that are not given, where the model reads them, are not known: -1. The moment of the
    query, where the model reads it and it is not given, is now.

    Args:
      query_ids: `[num_queries]`.
      histories: per query its candidate ids, oldest first; `None` for no history, where the model takes one.
      features: feature name to `[num_queries]` values, or to one list of strings per query; `<name>_weights` to
        one list of numbers per query, and so `history_timestamps`, microseconds since 1970 UTC.
      input_specs: what the signature takes.

    Raises:
      InvalidArgumentError: if one of the lists is not `[num_queries]` long, a string stands for a list, the
        signature does not take an input, or a query has another number of weights than values, or of moments than
        its history has ids.
    """
    _require_lists("query_ids", [query_ids])
    _require_lists("histories", histories or [])
    if histories is None and signatures.HISTORY in input_specs:
        histories = [[]] * len(query_ids)
    columns = {signatures.QUERY_ID: list(query_ids), **features}
    if histories is not None:
        columns[signatures.HISTORY] = histories
        if signatures.HISTORY_TIMESTAMPS in input_specs:
            columns.setdefault(signatures.HISTORY_TIMESTAMPS, [[_NO_MOMENT] * len(each) for each in histories])
    if signatures.MOMENT in input_specs:
        columns.setdefault(signatures.MOMENT, [int(1e6 * time.time())] * len(query_ids))
    inputs = _padded_columns(columns, len(query_ids), input_specs)
    _require_as_many(columns)
    return inputs


def restricting_inputs(
    num_queries: int,
    k: int | Sequence[int] | None,
    exclude_candidate_ids: Sequence[Sequence[str]] | None,
    allow_candidate_ids: Sequence[Sequence[str]] | None,
    filters: Mapping[str, Sequence[Sequence[str]]] | None,
    input_specs: Mapping[str, model_info.TensorSpec],
) -> dict[str, list]:
    """Returns the inputs of a recommend call that say how many candidates, and which; what is `None` is left out.

    Args:
      num_queries: how many queries there are.
      k: how many candidates, one number for all queries or one for each.
      exclude_candidate_ids: per query the ids that it is not answered with.
      allow_candidate_ids: per query the only ids that it may be answered with; an empty list allows all.
      filters: by column of the candidates, per query the values of which a candidate must have one; an empty list
        allows all.
      input_specs: what the signature takes.

    Raises:
      InvalidArgumentError: if one of the lists is not `num_queries` long, a string stands for a list, or the
        signature does not take an input.
    """
    columns = {
        signatures.EXCLUDE_CANDIDATE_IDS: exclude_candidate_ids,
        signatures.ALLOW_CANDIDATE_IDS: allow_candidate_ids,
        **{signatures.FILTER_PREFIX + name: values for name, values in (filters or {}).items()},
    }
    columns = {name: values for name, values in columns.items() if values is not None}
    for name, values in columns.items():
        kind = "values" if name.startswith(signatures.FILTER_PREFIX) else "ids"
        _require_lists(name, [values] if isinstance(values, str) else values, kind)
    if isinstance(k, numbers.Integral):
        _require_taken([signatures.K], input_specs)
        return {signatures.K: [int(k)], **_padded_columns(columns, num_queries, input_specs)}
    return _padded_columns(columns if k is None else {signatures.K: k, **columns}, num_queries, input_specs)


def _padded_columns(
    columns: Mapping[str, Sequence], num_queries: int, input_specs: Mapping[str, model_info.TensorSpec]
) -> dict[str, list]:
    _require_taken(columns, input_specs)
    inputs = {}
    for name, values in columns.items():
        if len(values) != num_queries:
            raise errors.InvalidArgumentError(
                f"{name} has {len(values)} entries for {num_queries} query ids; give one for each query."
            )
        is_nested = any(isinstance(value, (list, tuple)) for value in values)
        filling = _FILLINGS.get(input_specs[name].data_type, _NO_WEIGHT)
        inputs[name] = padded(values, filling) if is_nested else list(values)
    return inputs


def _require_taken(names: Iterable[str], input_specs: Mapping[str, model_info.TensorSpec]) -> None:
    for name in names:
        if name not in input_specs:
            raise errors.InvalidArgumentError(
                f"The model's signature takes no {name}; it takes {', '.join(sorted(input_specs))}. Leave it out, or "
                "export a model that has it."
            )


def _require_as_many(columns: Mapping[str, Sequence]) -> None:
    # Padding would make lists of unequal lengths equal, and the server could not tell.
    pairs = [(name, name + signatures.WEIGHTS_SUFFIX, "values", "weights") for name in columns]
    pairs.append((signatures.HISTORY, signatures.HISTORY_TIMESTAMPS, "ids", "moments"))
    for name, other, kind, other_kind in pairs:
        both = zip(columns.get(name, ()), columns.get(other, ()), strict=False)
        for position, (mine, theirs) in enumerate(both):
            if isinstance(mine, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(mine) != len(theirs):
                raise errors.InvalidArgumentError(
                    f"{name} has {len(mine)} {kind} for query {position}, but {other} has {len(theirs)} {other_kind}; "
                    f"give each of the {kind} one."
                )


def _require_lists(name: str, values: Sequence, kind: str = "ids") -> None:
    # A string is a sequence of strings too, and would be read as its letters.
    for value in values:
        if isinstance(value, (str, bytes)):
            raise errors.InvalidArgumentError(f"{name} takes lists of {kind}, but got {value!r}; write [{value!r}].")


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
    # A model of another make may say nothing of its slots; then the empty id does.
    is_valid = outputs[signatures.VALID] if signatures.VALID in outputs else (ids != b"") & (ids != _ABSENT)
    if ids.ndim != 2 or ids.dtype.kind != "O" or not ids.shape == scores.shape == is_valid.shape:
        raise errors.FailedPreconditionError(
            f"The signature answers {ids.dtype} candidate_ids of shape {list(ids.shape)} and scores of shape "
            f"{list(scores.shape)}, not one row of ids and scores for each query; name the recommender's signature."
        )
    return [
        [
            Recommendation(_to_str(candidate_id), float(score))
            for candidate_id, score, is_filled in zip(*row, strict=True)
            if is_filled
        ]
        for row in zip(ids.tolist(), scores.tolist(), is_valid.tolist(), strict=True)
    ]


def _to_str(value: str | bytes) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise errors.FailedPreconditionError(
            f"Candidate id {value!r} is no UTF-8, so it is no text; call predict for the bytes."
        ) from error
