"""All that a model has learned, carried over to one with a grown vocabulary."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from tfrs_model import frequency as frequency_lib
from tfrs_model import negatives, string_embedding, two_tower
from tfrs_model.growth.row_origins import RowOrigins


class CarryOverError(ValueError):
    """Two models differ in more than their vocabularies; the message names what differs."""


def carry_over(
    model: two_tower.TwoTowerModel,
    old_model: two_tower.TwoTowerModel,
    variables: Iterable[tf.Variable],
    old_value: Callable[[tf.Variable], np.ndarray],
    new_rows: str = "initial",
) -> None:
    """Gives a model, and its optimizer, what another of the same options and of another vocabulary has learned.

    | of the other model | becomes |
    |---|---|
    | row of a known value, and its slots | the same bits, at the row that the value has now |
    | rows of the empty string and of unknown values, their slots | the same bits |
    | row of a value that is no longer known | dropped |
    | row of a new value | drawn by (seed, table, value), or copied from its bucket; its slots as on the first day |
    | dense layers and slots, steps of the optimizer, draws, bank, learned temperature | the same bits |
    | frequency state | the same bits; if there are more buckets now each one split, and every estimate the same |
    | clusters of corpus-hard negatives | dropped, made anew in the first step: they number the corpus by rows |
    | learning rates | dropped: those of the new options hold, a schedule goes on by the steps |

    Args:
      model: compiled with a `TablesAndDense` that is built, as its towers are; it is changed.
      old_model: as described before it is built; only its vocabularies are read.
      variables: all of the model's and the optimizer's, those included that are no weights.
      old_value: returns what a variable of the same place had.
      new_rows: what rows of new values start from, one of `NEW_ROWS`.

    Raises:
      CarryOverError: if a variable had another shape, apart from rows.
    """
    origins, starts = _origins(model, old_model), {}
    for table in _tables(model):
        of_table = origins[id(table.embeddings)]
        starts[id(table.embeddings)] = of_table.start_rows(table, old_value(table.embeddings), new_rows)
    frequency = _frequency(model)
    buckets = {id(each) for each in frequency.variables_by_bucket} if frequency else set()
    made_anew = {id(each) for each in _made_anew(model)}
    for variable in variables:
        if id(variable) in made_anew:
            continue
        value = old_value(variable)
        if id(variable) in origins:
            value = _grown(variable, value, origins[id(variable)], starts.get(id(variable)))
        elif id(variable) in buckets and value.shape != tuple(variable.shape):
            value = frequency.split_buckets(value)
        _assign(variable, value)


def _grown(variable: tf.Variable, old: np.ndarray, origins: RowOrigins, start_rows: np.ndarray | None) -> np.ndarray:
    """Returns a table, or a slot, with the old rows where they belong; a slot of a new row stays as it was built."""
    new = variable.numpy()
    if start_rows is not None:
        new[origins.old_rows < 0] = start_rows
    return origins.carried(old, new)


def _frequency(model: two_tower.TwoTowerModel) -> frequency_lib.StreamingFrequency | None:
    held = getattr(model.task, "streaming_frequency", None)
    return held if isinstance(held, frequency_lib.StreamingFrequency) else None


def _tables(model: two_tower.TwoTowerModel) -> list[string_embedding.StringEmbedding]:
    """Returns the tables with a vocabulary, each once, in an order that the options alone decide."""
    towers: Sequence[tf.Module] = (model.query_tower, model.candidate_tower)
    found = {id(each): each for tower in towers for each in tower.submodules if _is_table(each)}
    return list(found.values())


def _is_table(module: tf.Module) -> bool:
    return isinstance(module, string_embedding.StringEmbedding)


def _origins(model: two_tower.TwoTowerModel, old_model: two_tower.TwoTowerModel) -> dict[int, RowOrigins]:
    """Returns the origins of the rows by the identity of each variable that has them: tables and their slots."""
    origins: dict[int, RowOrigins] = {}
    try:
        for old, new in zip(_tables(old_model), _tables(model), strict=True):
            of_table = RowOrigins.between(old, new)
            origins |= {id(each): of_table for each in (new.embeddings, *model.optimizer.slots_of(new.embeddings))}
    except ValueError as error:
        raise CarryOverError(f"{error} Such a model cannot be continued; train it afresh.") from error
    return origins


def _made_anew(model: two_tower.TwoTowerModel) -> list[tf.Variable]:
    hard = [each for each in model.submodules if isinstance(each, negatives.CorpusHardNegatives)]
    return [*(variable for layer in hard for variable in layer.weights), *model.optimizer.learning_rate_variables]


def _assign(variable: tf.Variable, value: np.ndarray) -> None:
    if np.shape(value) != tuple(variable.shape):
        raise CarryOverError(
            f"Variable {variable.name} had the shape {list(np.shape(value))}, but has {variable.shape.as_list()}; a "
            "model of other options cannot be continued, train it afresh."
        )
    variable.assign(value)
