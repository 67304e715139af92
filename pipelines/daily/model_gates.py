"""What a model has to pass after a day's training, before it is exported.

The questions are the day's own interactions, each asked with the history before it. The model has been trained on
them since, so that it should know them better than yesterday's model, which has not, and better than popularity: a
model that passes may still be no good, but one that fails has lost what it knew. How good a model is on what it has
not seen is told the next day, before it is trained on that. What the day does not carry is asked for by a sample of the
last interactions before it: both models have been trained on these, and what today's has lost of them it has forgotten.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipelines import interval_figures, job
from pipelines.daily import model_figures
from pipelines.daily.model_figures import ModelFigures
from tfrs_model.metrics import paired
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID

_KEEPS = "Nothing was published and the previous model_version keeps serving."
_RECALL = f"recall_at_{model_figures.K}"
_NAMED_WEIGHTS = 3
_DIFFERENCES = ("to_yesterday", "to_popularity", "to_yesterday_before")


class ModelGateError(ValueError):
    """A gate was not passed; nothing was published, and what served before keeps serving."""


@dataclasses.dataclass(frozen=True)
class ModelGateConfig:
    """What a model has to keep to.

    Attributes:
      max_day_recall_loss: largest loss of recall on the day's interactions, relative to yesterday's model, in [0, 1].
      allow_worse_than_popularity: whether the model may know the day's interactions less than popularity does.
      max_length_ratio: how many times longer, or shorter, the corpus's embeddings may have become, > 1.
      max_window_recall_loss: largest loss of recall on a sample of the last interactions before the day, relative to
        yesterday's model, in [0, 1].
      num_window_questions: how many of these are asked for at most, >= 0; 0 to ask for none.
      max_expired_fraction: largest share of the query ids, or of the candidate ids, that expire in a day, in [0, 1].
    """

    max_day_recall_loss: float = 0.1
    allow_worse_than_popularity: bool = False
    max_length_ratio: float = 10.0
    max_window_recall_loss: float = 0.5
    num_window_questions: int = 10_000
    max_expired_fraction: float = 0.3

    def __post_init__(self) -> None:
        if self.num_window_questions < 0:
            raise job.ConfigError(f"--num_window_questions must be >= 0, but is {self.num_window_questions}.")
        for name in ("max_day_recall_loss", "max_window_recall_loss", "max_expired_fraction"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise job.ConfigError(f"--{name} must be in [0, 1], but is {getattr(self, name)}.")
        if not self.max_length_ratio > 1.0:
            raise job.ConfigError(f"--max_length_ratio must be above 1, but is {self.max_length_ratio}.")


@dataclasses.dataclass(frozen=True)
class GateFigures:
    """What the gates saw of a model that passed them; `None` is what there was nothing to compare with.

    Attributes:
      num_questions: of the day; of none nothing is compared.
      recall: mean recall@20 of the model.
      to_yesterday: recall@20 of the model minus that of yesterday's.
      to_popularity: minus that of popularity.
      length_ratio: mean length of the corpus's embeddings relative to yesterday's model.
      num_window_questions: of the time before the day.
      to_yesterday_before: recall@20 on these minus that of yesterday's model.
    """

    num_questions: int
    recall: float | None
    to_yesterday: paired.Difference | None = None
    to_popularity: paired.Difference | None = None
    length_ratio: float | None = None
    num_window_questions: int = 0
    to_yesterday_before: paired.Difference | None = None

    def as_json(self) -> dict:
        """Returns the figures as a JSON object."""
        differences = {name: getattr(self, name) for name in _DIFFERENCES}
        return dataclasses.asdict(self) | {
            name: each and interval_figures.of_difference(each) for name, each in differences.items()
        }


def check(
    model: ModelFigures,
    yesterday: ModelFigures | None,
    popularity_recall: np.ndarray | None,
    owners: np.ndarray,
    config: ModelGateConfig,
    owners_before: np.ndarray | None = None,
) -> GateFigures:
    """Returns what the gates saw of a model that passes them.

    A loss counts where its 95% interval over the day's queries leaves out 0: what could be luck of the questions is
    no reason to keep a model back.

    Args:
      model: figures of the model that was trained on the day.
      yesterday: of the last accepted model, on the same questions; `None` if there is none.
      popularity_recall: `[num_questions]` recall@20 of popularity on the same questions, or `None`.
      owners: `[num_questions]` whose question each is.
      config: the bounds.
      owners_before: `[num_questions_before]` whose question each of the time before is; `None` or empty for none.

    Raises:
      ModelGateError: if a weight is not finite, the recall on the day is certainly below its floor or below
        popularity's, the embeddings have become very long or short, or the recall on the time before the day is
        certainly below its floor, as the model has forgotten it.
    """
    _require_finite(model)
    compared = None if yesterday is None or yesterday.recall is None else yesterday
    found = GateFigures(0, None)
    if len(owners):
        found = GateFigures(
            len(owners),
            float(model.recall.mean()),
            compared and _require_not_worse_than_yesterday(model.recall, compared.recall, owners, config),
            None if popularity_recall is None else _require_useful(model.recall, popularity_recall, owners, config),
        )
    found = dataclasses.replace(found, length_ratio=compared and _require_length(model, compared, config))
    if compared is None or owners_before is None or not len(owners_before):
        return found
    kept = _require_not_forgotten(model.recall_before, compared.recall_before, owners_before, config)
    return dataclasses.replace(found, num_window_questions=len(owners_before), to_yesterday_before=kept)


def require_few_expired(vocabularies: Mapping[str, Mapping[str, int]], config: ModelGateConfig) -> dict[str, float]:
    """Returns the share of the ids of each side that expired in the day's training.

    Ids age by the calendar, so that after an outage of the log all that was not seen on the day itself may expire at
    once. No other gate sees it: what the day asks for is what stayed. Of ids alone, as a feature of a few values has
    no share to speak of.

    Args:
      vocabularies: by table, what training says of it: ids that are `known`, of these `new`, and `expired`.
      config: the bounds.

    Raises:
      ModelGateError: if the share of one side is above the bound.
    """
    shares = {}
    for table, side in ((QUERY_ID, "query"), (CANDIDATE_ID, "candidate")):
        changes = vocabularies.get(table)
        if not changes:
            continue
        num_before = changes["known"] - changes["new"] + changes["expired"]
        shares[table] = changes["expired"] / num_before if num_before else 0.0
        if shares[table] > config.max_expired_fraction:
            raise ModelGateError(
                f"{changes['expired']:,} of {num_before:,} {side} ids expired in the day's training, a share of "
                f"{shares[table]:.3f}, above --max_expired_fraction={config.max_expired_fraction:g}: the log may have "
                f"had an outage. {_KEEPS} Give more --expire_after_days, or an --expire_below_count that keeps the "
                "frequent ones, and the day is trained again; or raise --max_expired_fraction if they are gone indeed."
            )
    return shares


def _require_finite(model: ModelFigures) -> None:
    if not model.not_finite:
        return
    named = ", ".join(f"{number:,} of {name}" for name, number in list(model.not_finite.items())[:_NAMED_WEIGHTS])
    more = len(model.not_finite) - _NAMED_WEIGHTS
    raise ModelGateError(
        f"Every weight of the model must be finite, but {named}{f' and those of {more} more' if more > 0 else ''} are "
        f"not. {_KEEPS} Train with a lower --learning_rate or with --clip_norm, and look whether a numeric column of "
        "the day holds extreme values."
    )


def _require_not_worse_than_yesterday(
    ours: np.ndarray, theirs: np.ndarray, owners: np.ndarray, config: ModelGateConfig
) -> paired.Difference:
    found = paired.difference(ours, theirs, owners)
    floor = float(theirs.mean()) * (1.0 - config.max_day_recall_loss)
    if ours.mean() < floor and found.high < 0.0:
        raise ModelGateError(
            f"{_RECALL} on the day's interactions is {ours.mean():.4f} after training on them, below {floor:.4f}: "
            f"yesterday's model has {theirs.mean():.4f} and --max_day_recall_loss={config.max_day_recall_loss:g} may "
            f"be lost. {_of(found)} {_KEEPS} Look at what changed in data and options, or raise --max_day_recall_loss."
        )
    return found


def _require_not_forgotten(
    ours: np.ndarray, theirs: np.ndarray, owners: np.ndarray, config: ModelGateConfig
) -> paired.Difference:
    found = paired.difference(ours, theirs, owners)
    floor = float(theirs.mean()) * (1.0 - config.max_window_recall_loss)
    if ours.mean() < floor and found.high < 0.0:
        raise ModelGateError(
            f"{_RECALL} on the last interactions before the day is {ours.mean():.4f} after training on the day, below "
            f"{floor:.4f}: yesterday's model has {theirs.mean():.4f} and --max_window_recall_loss="
            f"{config.max_window_recall_loss:g} may be lost. {_of(found)} {_KEEPS} The day may be of a part of the "
            "queries alone; train it with a lower --learning_rate or --epochs_per_day, or raise "
            "--max_window_recall_loss."
        )
    return found


def _require_useful(
    ours: np.ndarray, popularity: np.ndarray, owners: np.ndarray, config: ModelGateConfig
) -> paired.Difference:
    found = paired.difference(ours, popularity, owners)
    if found.high < 0.0 and not config.allow_worse_than_popularity:
        raise ModelGateError(
            f"{_RECALL} on the day's interactions is {ours.mean():.4f}, below the {popularity.mean():.4f} of "
            f"popularity, which asks for no model. {_of(found)} {_KEEPS} Train for more epochs or look at the options, "
            "or pass --allow_worse_than_popularity."
        )
    return found


def _require_length(model: ModelFigures, yesterday: ModelFigures, config: ModelGateConfig) -> float | None:
    ours, theirs = model.mean_candidate_length, yesterday.mean_candidate_length
    if not theirs:
        return None
    ratio = ours / theirs
    if not 1.0 / config.max_length_ratio <= ratio <= config.max_length_ratio:
        raise ModelGateError(
            f"The corpus's embeddings have a mean length of {ours:.4g}, {ratio:.3g} times the {theirs:.4g} of "
            f"yesterday's model, beyond --max_length_ratio={config.max_length_ratio:g}. {_KEEPS} Train with a lower "
            "--learning_rate or with --clip_norm, or raise --max_length_ratio."
        )
    return ratio


def _of(found: paired.Difference) -> str:
    return (
        f"The difference is between {found.low:.4f} and {found.high:.4f} with 95% confidence, over "
        f"{found.num_questions:,} questions of {found.num_owners:,} queries."
    )
