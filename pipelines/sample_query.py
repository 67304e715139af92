"""One query of prepared data as a client would ask for it."""

import dataclasses
import itertools
from typing import Any

import numpy as np

from pipelines import feeding, prepared_data
from tfrs_model import model_config
from tfrs_model import schema as schema_lib


@dataclasses.dataclass(frozen=True)
class SampleQuery:
    """A query as it stood before one of its held-out interactions.

    Attributes:
      query_id: its id.
      history: ids of what it chose, oldest first, as much as the model reads.
      features: by name.
      moments: `history_timestamps`, one for each of the history, and `moment`, as far as the model reads them.
      chosen_before: all it chose in earlier splits.
    """

    query_id: str
    history: list[str]
    features: dict[str, Any]
    moments: dict[str, Any]
    chosen_before: frozenset[str]


def newest(data: prepared_data.PreparedData, config: model_config.ModelConfig) -> SampleQuery:
    """Returns the query with the newest interaction of the test split, as it stood before that.

    Args:
      data: where it is looked for.
      config: options of the model that is asked.
    """
    examples = data.examples("test")
    example = examples.take(np.array([int(np.argmax(examples.timestamps))]))
    inputs = next(iter(feeding.Feeder.for_model(data, config).query_batches(example, 1)))
    values = {name: column[0] for name, column in feeding.as_json(inputs).items()}
    padded = values.pop(schema_lib.HISTORY, [])
    is_shown = [bool(each) for each in padded]
    moments = {}
    if config.reads_history_timestamps:
        timestamps = values.pop(schema_lib.HISTORY_TIMESTAMPS)
        moments[schema_lib.HISTORY_TIMESTAMPS] = list(itertools.compress(timestamps, is_shown))
    if config.reads_moment:
        moments[schema_lib.MOMENT] = values.pop(schema_lib.MOMENT)
    query_rows, candidate_rows = data.seen_before("test")
    chosen_before = data.corpus["candidate_id"].take(candidate_rows[query_rows == example.query_rows[0]])
    return SampleQuery(
        query_id=values.pop(schema_lib.QUERY_ID),
        history=list(itertools.compress(padded, is_shown)),
        features=values,
        moments=moments,
        chosen_before=frozenset(chosen_before.to_pylist()),
    )
