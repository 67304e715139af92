import dataclasses
import json

import numpy as np
import pytest

from pipelines import job
from pipelines.daily import model_gates
from pipelines.daily.model_figures import ModelFigures

CONFIG = model_gates.ModelGateConfig()
OWNERS = np.arange(400)


def _recall(share):
    """Hits of a share of four hundred questions, evenly spread."""
    return (np.arange(400) % 20 < share * 20).astype(np.float64)


def _model(share, length=1.0):
    return ModelFigures({}, _recall(share), length)


def _refusal(model, yesterday, popularity=None, config=CONFIG):
    with pytest.raises(model_gates.ModelGateError) as caught:
        model_gates.check(model, yesterday, popularity, OWNERS, config)
    return str(caught.value)


def test_a_better_model_passes_with_its_differences():
    found = model_gates.check(_model(0.5, 2.0), _model(0.4, 1.0), _recall(0.1), OWNERS, CONFIG)
    assert found.num_questions == 400
    assert found.recall == pytest.approx(0.5)
    assert found.to_yesterday.mean == pytest.approx(0.1)
    assert found.to_popularity.low > 0.3
    assert found.length_ratio == 2.0
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["to_yesterday"]["mean"] == pytest.approx(0.1)


def test_the_first_model_has_none_to_be_compared_with():
    found = model_gates.check(_model(0.5), None, None, OWNERS, CONFIG)
    assert (found.to_yesterday, found.to_popularity, found.length_ratio) == (None, None, None)


def test_a_model_that_is_no_number_is_refused_before_anything_else():
    broken = ModelFigures({"table:0": 1200, "layer:0": 1, "a:0": 2, "b:0": 3}, None, None)
    said = _refusal(broken, _model(0.4))
    assert "1,200 of table:0, 1 of layer:0, 2 of a:0 and those of 1 more are not. Nothing was published" in said
    assert "--learning_rate" in said


def test_a_broken_model_of_yesterday_is_nothing_to_compare_with():
    broken = ModelFigures({"table:0": 1}, None, None)
    assert model_gates.check(_model(0.1), broken, None, OWNERS, CONFIG).to_yesterday is None


def test_a_certain_loss_beyond_the_floor_is_refused_unless_it_is_allowed():
    said = _refusal(_model(0.2), _model(0.4))
    # By hand: .4 less a tenth of it.
    assert "is 0.2000 after training on them, below 0.3600: yesterday's model has 0.4000" in said
    assert "raise --max_day_recall_loss" in said
    allowed = dataclasses.replace(CONFIG, max_day_recall_loss=0.5)
    assert model_gates.check(_model(0.2), _model(0.4), None, OWNERS, allowed).recall == pytest.approx(0.2)


def test_a_certain_loss_within_the_floor_passes():
    found = model_gates.check(_model(0.95), _model(1.0), None, OWNERS, CONFIG)
    assert found.to_yesterday.high < 0.0


def test_a_loss_that_may_be_luck_passes():
    theirs = np.array([1.0, 1.0, 0.0, 0.0, 1.0])
    ours = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    found = model_gates.check(ModelFigures({}, ours, 1.0), ModelFigures({}, theirs, 1.0), None, np.arange(5), CONFIG)
    assert found.to_yesterday.mean == pytest.approx(-0.2)


def test_questions_of_one_query_are_no_certainty():
    ours, theirs = _model(0.2), _model(0.4)
    # All that fell is of one query among many.
    owners = np.where(ours.recall < theirs.recall, 0, 1 + np.arange(400))
    assert model_gates.check(ours, theirs, None, owners, CONFIG).num_questions == 400


def test_a_model_below_popularity_is_refused_unless_it_is_allowed():
    said = _refusal(_model(0.1), None, _recall(0.3))
    assert "is 0.1000, below the 0.3000 of popularity, which asks for no model" in said
    assert "over 400 questions of 400 queries" in said
    allowed = dataclasses.replace(CONFIG, allow_worse_than_popularity=True)
    assert model_gates.check(_model(0.1), None, _recall(0.3), OWNERS, allowed).to_popularity.high < 0.0


@pytest.mark.parametrize("length", [0.0, 0.09, 11.0])
def test_embeddings_that_exploded_or_collapsed_are_refused(length):
    assert "beyond --max_length_ratio=10." in _refusal(_model(0.5, length), _model(0.5, 1.0))


def _model_of_both(share, share_before):
    return dataclasses.replace(_model(share), recall_before=_recall(share_before))


def test_what_the_day_does_not_carry_and_the_model_has_forgotten_is_refused_unless_it_is_allowed():
    # On the day's own interactions it has gained.
    ours, yesterday = _model_of_both(0.6, 0.15), _model_of_both(0.4, 0.5)
    with pytest.raises(model_gates.ModelGateError) as caught:
        model_gates.check(ours, yesterday, None, OWNERS, CONFIG, OWNERS)
    said = str(caught.value)
    # By hand: half of .5 may be lost.
    assert "before the day is 0.1500 after training on the day, below 0.2500: yesterday's model has 0.5000" in said
    assert "or raise --max_window_recall_loss" in said
    allowed = dataclasses.replace(CONFIG, max_window_recall_loss=0.8)
    found = model_gates.check(ours, yesterday, None, OWNERS, allowed, OWNERS)
    assert found.num_window_questions == 400
    assert found.as_json()["to_yesterday_before"]["mean"] == pytest.approx(-0.35)


def test_without_a_window_or_a_model_of_yesterday_nothing_can_be_forgotten():
    assert model_gates.check(_model(0.5), _model(0.5), None, OWNERS, CONFIG, np.zeros(0)).num_window_questions == 0
    assert model_gates.check(_model_of_both(0.5, 0.1), None, None, OWNERS, CONFIG, OWNERS).to_yesterday_before is None


def test_questions_of_the_time_before_are_told_apart():
    both = ModelFigures({}, np.array([1.0, 0.0, 1.0]), 1.0).split(np.array([True, False, False]))
    assert (both.recall.tolist(), both.recall_before.tolist()) == ([0.0, 1.0], [1.0])


def test_ids_that_expire_at_once_are_refused_unless_it_is_allowed():
    # A thousand ids, of which an outage of the log leaves fifty; ten are new.
    vocabularies = {
        "query_id": {"known": 400, "new": 0, "expired": 4, "waiting": 0, "forgotten": 0},
        "candidate_id": {"known": 60, "new": 10, "expired": 950, "waiting": 0, "forgotten": 0},
    }
    with pytest.raises(model_gates.ModelGateError) as caught:
        model_gates.require_few_expired(vocabularies, CONFIG)
    said = str(caught.value)
    assert said.startswith("950 of 1,000 candidate ids expired in the day's training, a share of 0.950, above")
    assert "Give more --expire_after_days" in said
    allowed = dataclasses.replace(CONFIG, max_expired_fraction=0.95)
    # By hand: 4 of 404 queries.
    assert model_gates.require_few_expired(vocabularies, allowed) == pytest.approx(
        {"query_id": 0.00990099, "candidate_id": 0.95}
    )


def test_a_first_day_has_nothing_that_could_expire():
    first = {"candidate_id": {"known": 60, "new": 60, "expired": 0, "waiting": 0, "forgotten": 0}}
    assert model_gates.require_few_expired(first, CONFIG) == {"candidate_id": 0.0}


def test_of_no_questions_nothing_but_weights_and_lengths_is_asked():
    none = ModelFigures({}, np.zeros(0), 1.0)
    found = model_gates.check(
        none, dataclasses.replace(none, mean_candidate_length=2.0), np.zeros(0), np.zeros(0), CONFIG
    )
    assert found == model_gates.GateFigures(0, None, length_ratio=0.5)
    with pytest.raises(model_gates.ModelGateError, match="must be finite"):
        model_gates.check(ModelFigures({"a:0": 1}, None, None), None, None, np.zeros(0), CONFIG)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_day_recall_loss": 1.5}, "--max_day_recall_loss must be"),
        ({"max_length_ratio": 1.0}, "must be above 1"),
        ({"num_window_questions": -1}, "--num_window_questions must be >= 0, but is -1"),
    ],
)
def test_bounds_out_of_range_are_refused(options, said):
    with pytest.raises(job.ConfigError, match=said):
        model_gates.ModelGateConfig(**options)
