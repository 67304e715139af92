"""Days as logs have them when something went wrong, or something new began: a published model, or a sentence."""

import dataclasses

import pytest

from pipelines import daily_run, export_versions, training_config, training_state
from pipelines.daily import day_checks, model_gates
from tests.pipelines.daily import shop_days

_DAY_SECONDS = 86_400
_STRANGE = 3  # The day after the three.


def _next_day(root, columns, **options):
    shop_days.write(root / "log", _STRANGE, columns)
    return daily_run.run(shop_days.config(root, **options)).records[0]


def _require_refused(root, columns, sentence):
    with pytest.raises(day_checks.DayCheckError, match=sentence):
        _next_day(root, columns)
    assert export_versions.numbers(root / "served" / "shop") == [1, 2, 3]


@pytest.mark.drill
def test_a_day_with_ten_times_the_data_is_a_sentence_or_by_its_flag_a_model(copied_days):
    columns = shop_days.rows(_STRANGE, num_rows=1200)
    _require_refused(copied_days, columns, r"1,200 rows, 10 times the median 120 .* --max_volume_ratio=3\.")
    checks = dataclasses.replace(shop_days.CHECKS, max_volume_ratio=20)
    assert _next_day(copied_days, columns, checks=checks).version == 4


@pytest.mark.drill
def test_a_day_that_was_cut_off_is_a_sentence(copied_days):
    _require_refused(
        copied_days, shop_days.rows(_STRANGE, num_rows=12), r"0\.1 times the median .* below --min_volume_ratio=0\.3"
    )


@pytest.mark.drill
def test_a_day_with_a_column_renamed_is_a_sentence(copied_days):
    columns = shop_days.rows(_STRANGE)
    columns["customer"] = columns.pop("shopper")
    _require_refused(copied_days, columns, "lacks shopper, compared with 2026-11-03")


@pytest.mark.drill
def test_a_day_with_a_column_that_nobody_reads_is_a_model(copied_days):
    assert _next_day(copied_days, shop_days.rows(_STRANGE) | {"ab_test": ["a"] * 120}).version == 4


@pytest.mark.drill
def test_a_day_whose_ids_became_numbers_is_a_sentence(copied_days):
    columns = shop_days.rows(_STRANGE) | {"sku": list(range(120))}
    _require_refused(copied_days, columns, "sku")


@pytest.mark.drill
@pytest.mark.parametrize("moved_by", [0, _STRANGE * _DAY_SECONDS])
def test_an_earlier_days_data_by_mistake_are_a_sentence_also_under_the_new_date(copied_days, moved_by):
    columns = shop_days.rows(0)
    columns["at"] = [each + moved_by for each in columns["at"]]
    _require_refused(copied_days, columns, "are those of 2026-11-01 at the same time of day.*the same data again")


@pytest.mark.drill
def test_a_day_of_new_ids_alone_is_a_sentence_or_by_its_flags_a_model_that_knows_them(copied_days):
    columns = shop_days.rows(_STRANGE, prefix="x-")
    _require_refused(copied_days, columns, "query ids that no day before has, above --max_new_query_fraction=0.9")
    checks = dataclasses.replace(shop_days.CHECKS, max_new_query_fraction=1, max_new_candidate_fraction=1)
    # A day of others alone lets the model forget those it knew.
    with pytest.raises(model_gates.ModelGateError, match="The day may be of a part of the queries alone"):
        _next_day(copied_days, columns, checks=checks)
    gates = model_gates.ModelGateConfig(max_window_recall_loss=1.0)
    record = _next_day(copied_days, columns, checks=checks, gates=gates)
    found = record.stages["evaluate"]
    assert found["num_of_unknown_candidates"] == found["num_interactions"] > 0
    assert found["model"]["recall_at_100"] == 0.0
    assert record.version == 4
    assert record.stages["train"]["vocabularies"]["candidate_id"]["new"] == len(set(columns["sku"]))


@pytest.mark.drill
@pytest.mark.parametrize(
    ("learning_rate", "error", "sentence"),
    [
        (1e38, training_state.TrainingDivergedError, "The loss of epoch 1 is nan; nothing of this epoch is kept"),
        (1e4, model_gates.ModelGateError, "before the day .* the previous model_version keeps serving"),
    ],
)
def test_a_day_that_breaks_the_model_is_a_sentence_and_with_sound_options_a_model(
    copied_days, learning_rate, error, sentence
):
    breaking = training_config.training_config({**shop_days.OPTIONS, "learning_rate": learning_rate})
    with pytest.raises(error, match=sentence):
        _next_day(copied_days, None, training=breaking)
    assert export_versions.numbers(copied_days / "served" / "shop") == [1, 2, 3]
    assert daily_run.run(shop_days.config(copied_days)).records[0].version == 4


@pytest.mark.drill
def test_a_day_that_a_gate_refused_goes_on_with_another_bound_without_another_training(copied_days, monkeypatch):
    training = training_config.training_config({**shop_days.OPTIONS, "learning_rate": 1e4})
    with pytest.raises(model_gates.ModelGateError, match="raise --max_window_recall_loss"):
        _next_day(copied_days, None, training=training)
    monkeypatch.setattr(daily_run.day_run.day_stages.train, "run", None)
    loose = model_gates.ModelGateConfig(1.0, True, max_window_recall_loss=1.0)
    assert daily_run.run(shop_days.config(copied_days, training=training, gates=loose)).records[0].version == 4
