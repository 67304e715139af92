import json

import optuna
import pytest

from pipelines import artifacts, job, training_config
from pipelines.tuning import search_space

_SPACE = {
    "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "history_length": {"low": 10, "high": 50, "step": 10},
    "temperature": {"choices": [1, 0.5]},
    "query_hidden_units": {"choices": [[], [32, 16]]},
    "encoder": {"choices": [{"history_encoder": "mean"}, {"history_encoder": "gru"}]},
}


def _draws(space, count=60):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [space.suggest(study.ask()) for _ in range(count)]


def test_every_draw_lies_in_the_space_and_can_be_trained():
    draws = _draws(search_space.search_space(_SPACE, {}))
    assert all(0.001 <= draw["learning_rate"] <= 0.1 for draw in draws)
    # Half of an even draw of logarithms is below the geometric mean, .01; of an even draw of numbers a tenth.
    assert 20 < sum(draw["learning_rate"] < 0.01 for draw in draws) < 40
    assert {draw["history_length"] for draw in draws} == {10, 20, 30, 40, 50}
    assert {draw["temperature"] for draw in draws} == {1.0, 0.5}
    assert {tuple(draw["query_hidden_units"]) for draw in draws} == {(), (32, 16)}
    assert {draw["history_encoder"] for draw in draws} == {"mean", "gru"}
    for draw in draws:
        training_config.training_config(draw)


def test_options_that_lie_in_the_space_are_drawn_when_their_parameters_are():
    space = search_space.search_space(_SPACE, {})
    options = {"learning_rate": 0.02, "history_length": 30, "temperature": 1, "history_encoder": "gru"}
    study = optuna.create_study()
    study.enqueue_trial(space.parameters(options))
    assert space.suggest(study.ask()) == {**options, "query_hidden_units": []}


@pytest.mark.parametrize(
    "outside",
    [{"learning_rate": 0.2}, {"history_length": 35}, {"temperature": 0.7}, {"history_encoder": "self_attention"}],
)
def test_options_outside_the_space_have_no_parameters(outside):
    inside = {"learning_rate": 0.02, "history_length": 30, "temperature": 1.0}
    assert search_space.search_space(_SPACE, {}).parameters({**inside, **outside}) is None


def test_the_shipped_space_can_be_searched_from_the_defaults():
    draws = _draws(search_space.read_search_space(None, {}))
    assert len({draw["history_encoder"] for draw in draws}) == 3
    for draw in draws:
        training_config.training_config(draw)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], r'must hold a JSON object such as {"dropout": {"low": 0, "high": 0.5}}, but is \[\]'),
        ({}, "must hold a JSON object such as"),
        ({"dropout": 0.5}, 'must be an object with "choices", or with "low" and "high", but is 0.5'),
        ({"dropout": {"low": 0.1}}, 'must be an object with "choices", or with "low" and "high"'),
        ({"dropout": {"choices": [0, 0.1], "low": 0}}, 'must be an object with "choices", or with'),
        ({"dropuot": {"low": 0, "high": 0.5}}, "'dropuot' is no training option; searched may be bank_size, "),
        ({"seed": {"low": 0, "high": 5}}, "'seed' is the same in every trial; searched may be"),
        ({"x": {"choices": [{"seed": 1}, {"seed": 2}]}}, "'x': 'seed' is the same in every trial"),
        ({"dropout": {"low": 0.5, "high": 0.5}}, "'dropout' must have a low below its high, else nothing is left"),
        ({"dropout": {"low": 0, "high": "0.5"}}, "must have finite numbers as low, high and step"),
        ({"dropout": {"low": 0, "high": float("inf")}}, "must have finite numbers as low, high and step"),
        ({"dropout": {"low": 0, "high": 0.5, "steps": 2}}, "may have low, high, log, step, but not 'steps'"),
        ({"embedding_dim": {"low": 8, "high": 16.5}}, "must have whole numbers as low, high and step"),
        ({"embedding_dim": {"low": True, "high": 16}}, "must have whole numbers as low, high and step"),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "true with a low above 0 and without a step"),
        ({"dropout": {"low": 0, "high": 0.5, "log": 1}}, "may have a log of true or false"),
        ({"dropout": {"low": 0.1, "high": 0.5, "step": 0.5}}, "must have a step above 0 that fits between"),
        (
            {"similarity": {"low": 0, "high": 1}},
            "'similarity' must have \"choices\", since --similarity takes no number",
        ),
        ({"use_query_id": {"low": 0, "high": 1}}, "since --use_query_id takes no number"),
        ({"dropout": {"choices": [0.1]}}, "must have a list of two choices or more; one alone is given as a flag"),
        ({"dropout": {"choices": [0, 0.0]}}, "must have choices that differ"),
        ({"dropout": {"choices": [0.1, {"dropout": 0.2}]}}, "values or objects of options as choices, not both"),
        ({"x": {"choices": [{"dropout": 0.1}, {"temperature": 1}]}}, "must have choices that set the same options"),
        ({"x": {"choices": [{}, {}]}}, "must have choices that set the same options, one at least"),
        ({"similarity": {"choices": ["dot", "cosin"]}}, "refused: similarity must be one of dot, cosine, euclidean"),
        ({"embedding_dim": {"choices": [8, "16"]}}, "refused: --embedding_dim must be of kind int, but is '16'"),
        (
            {"dropout": {"low": 0.5, "high": 1}},
            r'"dropout": 1.0} above the other options is refused: dropout must be in',
        ),
        (
            {"history_time_gaps": {"choices": [False, True]}},
            "Options that only go together are one dimension, whose choices are objects of options",
        ),
        (
            {"dropout": {"low": 0, "high": 0.5}, "x": {"choices": [{"dropout": 0.1}, {"dropout": 0.2}]}},
            "must have an option in one dimension only, but 'dropout' is in two; leave out one",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_with_a_sentence(raw, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        search_space.search_space(raw, {})


def test_a_space_is_read_from_a_file_and_checked_above_the_options_that_trials_start_from(tmp_path):
    path = tmp_path / "space.json"
    path.write_text(json.dumps({"history_heads": {"choices": [2, 3]}}), encoding="utf-8")
    assert search_space.read_search_space(str(path), {}).option_names == ("history_heads",)
    with pytest.raises(job.ConfigError, match="history_heads must divide embedding_dim=64, but is 3"):
        search_space.read_search_space(str(path), {"history_encoder": "self_attention"})


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(artifacts.ArtifactError, match="does not exist"):
        search_space.read_search_space(str(tmp_path / "none.json"), {})
