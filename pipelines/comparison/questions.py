"""Prepared data and its questions as baselines read them, and the ranking of what they answer."""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipelines import offline_evaluation, prepared_data
from tfrs_model import ranking, row_lists
from tfrs_model.baselines import interactions, query_states, scorer

HISTORIES = ("visible", "training")

# Ranks the corpus for questions; is told of those done.
Ask = Callable[[offline_evaluation.Questions, offline_evaluation.OnBlock], ranking.Ranking]


def training_interactions(data: prepared_data.PreparedData) -> interactions.Interactions:
    """Returns what baselines are fitted on: the training split and nothing else."""
    examples = data.examples("train")
    return interactions.Interactions(
        examples.query_rows,
        examples.candidate_rows,
        examples.timestamps,
        examples.weights,
        data.queries.num_rows,
        data.corpus.num_rows,
    )


def query_states_of(
    questions: offline_evaluation.Questions, data: prepared_data.PreparedData, history: str
) -> query_states.QueryStates:
    """Returns who asks, and what baselines are shown of what they chose before.

    Args:
      questions: what is asked.
      data: where it is asked from.
      history: one of `HISTORIES`. `training` is the query's row of the matrix that a baseline is fitted on, as others
        ask their linear models. `visible` is all that is strictly earlier, as for a model, and all of earlier splits:
        of one moment a model reads nothing, since nobody knows what came first, but a baseline is shown what is
        simultaneous and of an earlier split, so that it knows all that is excluded from its answers and no comparison
        flatters the model. Where a split is not the end of what each query did, it sees no more than the model.
    """
    examples = questions.examples
    if history == "training":
        training = data.examples("train")
        bounds = (np.searchsorted(training.query_rows, examples.query_rows, side) for side in ("left", "right"))
        return query_states.QueryStates(examples.query_rows, *bounds, training.candidate_rows)
    history_end = examples.history_end
    if isinstance(questions, offline_evaluation.HeldOut):
        num_before = np.diff(questions.excluded_splits).astype(history_end.dtype)
        end = examples.history_begin + num_before
        firsts = row_lists.RowLists.of_slices(examples.sequence, examples.history_begin, end)
        differs = np.bincount(firsts.owners, firsts.rows != questions.excluded_rows, minlength=len(examples)) > 0
        history_end = np.where(differs, history_end, np.maximum(history_end, end))
    return dataclasses.replace(examples.states, history_end=history_end)


def ask_scorer(fitted: scorer.Scorer, data: prepared_data.PreparedData, history: str) -> Ask:
    """Returns what ranks the corpus by a fitted baseline, which is shown one of `HISTORIES`."""
    num_candidates = data.corpus.num_rows

    def ask(questions: offline_evaluation.Questions, on_block: offline_evaluation.OnBlock = None) -> ranking.Ranking:
        states = query_states_of(questions, data, history)
        if isinstance(fitted, scorer.InnerProductScorer):
            return questions.rank(fitted.embed_queries(states), fitted.candidate_embeddings, on_block)
        return ranking.rank_by_scores(
            lambda begin, end: fitted.scores(states.part(begin, end)),
            num_candidates,
            questions.targets,
            questions.excluded,
            min(offline_evaluation.NUM_RECOMMENDED, num_candidates),
            on_block,
        )

    return ask
