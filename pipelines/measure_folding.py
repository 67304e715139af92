"""Measures how much of what a trained model answers comes from groups that a query has nothing to do with.

    python -m pipelines.measure_folding --prepared_dir=prepared --model_dir=model --group_column=department
    python -m pipelines.measure_folding --prepared_dir=prepared --model_dir=model --num_co_occurrence_groups=8 \
        --least_group_share=.8

Asked are the queries that have all of their interactions in one group, or the least
share of them, as they stand at the end of the log, what they chose left out; those that
have fewer than 10 candidates left are counted and not asked. Prints one JSON object: the
foreign share of the top 10 of the model and of popularity, beside that of their own
history, of an order at random, and the least that is possible. A foreign answer is no
mistake by itself: folding is a share far above that of the history.
"""

import dataclasses
import json

import numpy as np
from absl import app, flags

from pipelines import (
    candidate_groups,
    common_flags,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
)
from pipelines.examples import Examples
from tfrs_model import ranking, row_lists
from tfrs_model.baselines import popularity as popularity_lib
from tfrs_model.diagnostics import folding
from tfrs_model.metrics import groupings

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
_GROUP_COLUMN = flags.DEFINE_string("group_column", None, "Column of the candidates, one value each, to group by.")
_NUM_GROUPS = flags.DEFINE_integer("num_co_occurrence_groups", 0, "Groups to find by who is chosen together.")
_LEAST_SHARE = flags.DEFINE_float("least_group_share", 1.0, "Share of a query's interactions that is in its group.")

_K = 10


@dataclasses.dataclass(frozen=True)
class MeasureFoldingConfig:
    """What is measured, and by which groups.

    Attributes:
      prepared_dir: directory that `prepare_data` published.
      model_dir: directory that `train` wrote.
      group_column: column of the candidates, or empty.
      num_groups: groups to find where no column is given, >= 2, or 0.
      least_share: of a query's interactions in one group, in (.5, 1].
    """

    prepared_dir: str
    model_dir: str
    group_column: str = ""
    num_groups: int = 0
    least_share: float = 1.0

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if bool(self.group_column) == bool(self.num_groups):
            raise job.ConfigError(
                "Groups come from --group_column or from --num_co_occurrence_groups, but "
                f"{'both are' if self.group_column else 'neither is'} given; give one of them."
            )
        if not 0.5 < self.least_share <= 1.0:
            raise job.ConfigError(f"--least_group_share must be in (.5, 1], but is {self.least_share}.")


def config_from_flags() -> MeasureFoldingConfig:
    """Returns the configuration that the flags describe."""
    return MeasureFoldingConfig(
        common_flags.PREPARED_DIR.value or "",
        common_flags.MODEL_DIR.value or "",
        _GROUP_COLUMN.value or "",
        _NUM_GROUPS.value,
        _LEAST_SHARE.value,
    )


def run(config: MeasureFoldingConfig) -> dict:
    """Asks the model and popularity for the pure queries.

    Returns:
      The JSON object that is printed: counts, `history`, `model` and `popularity`, and the model by group.

    Raises:
      ArtifactError, PreparedDataError, ModelDirectoryError, CandidateGroupsError, FoldingError: if an input cannot be
        read, or nothing can be measured.
      ConfigError: if no pure query has enough candidates left.
    """
    data = prepared_data.read_prepared_data(config.prepared_dir)
    model_directory.require_schema(config.model_dir, data)
    with job.stage("Grouping candidates") as counts:
        groups = _groups(config, data)
        states = data.newest_states()
        pure = folding.pure_queries(states.states.history_lists, groups.labels, config.least_share)
        counts.update(groups=len(groups.groups), pure_queries=len(pure), queries=len(states))
    pure, num_left_out = _with_enough_left(pure, states, data.corpus.num_rows)
    asked = states.take(pure.rows)
    best_checkpoint = model_directory.best_checkpoint_name(config.model_dir)
    embedder = offline_evaluation.Embedder.of_directory(config.model_dir, best_checkpoint, data)
    with job.stage("Ranking"):
        model = _shares(embedder.queries(asked), embedder.corpus(), asked, pure, groups.labels)
        by_counts = popularity_lib.SameForAll(data.training_counts())
        of_everybody = by_counts.embed_queries(asked.states)
        popularity = _shares(of_everybody, by_counts.candidate_embeddings, asked, pure, groups.labels)
    return {
        "study": "folding_of_a_model",
        "configuration": dataclasses.asdict(config),
        "k": _K,
        "num_queries": len(states),
        "num_pure_queries": len(pure),
        "num_pure_queries_with_too_few_candidates_left": num_left_out,
        "history_foreign_share": float(np.mean(1.0 - pure.shares)),
        "model": model.summary(),
        "popularity": popularity.summary(),
        "model_by_group": _by_group(model, pure, groups),
    }


def _groups(config: MeasureFoldingConfig, data: prepared_data.PreparedData) -> groupings.Grouping:
    if config.group_column:
        return candidate_groups.by_column(data.corpus, config.group_column)
    return candidate_groups.by_co_occurrence(data, config.num_groups)


def _with_enough_left(
    pure: folding.PureQueries, states: Examples, num_candidates: int
) -> tuple[folding.PureQueries, int]:
    """Returns the queries that did not choose so much that fewer than 10 candidates are left, and how many did."""
    num_left = num_candidates - states.states.history_lists.distinct().lengths[pure.rows]
    enough = pure.take(np.flatnonzero(num_left >= _K))
    if not len(enough):
        raise job.ConfigError(
            f"A query must have {_K} candidates left that it did not choose, but of {len(pure)} pure queries none has; "
            "a corpus this small cannot be measured."
        )
    return enough, len(pure) - len(enough)


def _shares(
    queries: np.ndarray, corpus: np.ndarray, asked: Examples, pure: folding.PureQueries, labels: np.ndarray
) -> folding.ForeignShares:
    excluded = asked.states.history_lists.distinct()
    ranked = ranking.rank_by_embeddings(queries, corpus, row_lists.RowLists.empty(len(asked)), excluded, _K)
    return folding.foreign_shares(ranked.top_rows, pure.groups, labels, excluded)


def _by_group(shares: folding.ForeignShares, pure: folding.PureQueries, groups: groupings.Grouping) -> list[dict]:
    return [
        {
            "group": groups.groups[group],
            "num_candidates": int(np.sum(groups.labels == group)),
            "num_pure_queries": int(np.sum(pure.groups == group)),
            "foreign_share": float(np.mean(shares.measured[pure.groups == group])),
            "chance": float(np.mean(shares.chance[pure.groups == group])),
        }
        for group in np.unique(pure.groups)
    ]


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe, and prints its result."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["prepared_dir", "model_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
