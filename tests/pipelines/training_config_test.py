import json

import pytest

from pipelines import artifacts, job, training_config
from tfrs_model import model_config, optimizers


def test_options_go_to_the_model_or_to_the_run_by_their_name():
    config = training_config.training_config({"embedding_dim": 8, "learning_rate": 1, "query_hidden_units": ["32", 16]})
    assert config.model.embedding_dim == 8
    assert config.model.query_hidden_units == (32, 16)
    assert config.optimization.learning_rate == 1.0


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(
        job.ConfigError,
        match="Unknown training option 'learning_rat'; known are ask_per, bank_size, bank_warm_up_steps,",
    ):
        training_config.training_config({"learning_rat": 0.1})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_size": 1}, "--batch_size must be >= 2, since in-batch negatives are the other positives, but is 1."),
        ({"steps_per_execution": 0}, "--steps_per_execution must be >= 1, but is 0."),
        ({"table_learning_rate": "0.1"}, "--table_learning_rate must be of kind float, but is '0.1'."),
        ({"num_epochs": 0}, "--num_epochs must be >= 1, but is 0."),
        ({"seed": -1}, "--seed must be in"),
        ({"early_stop_metric": "recall"}, "--early_stop_metric must be one of recall_at_10,"),
        ({"ask_per": "user"}, "--ask_per must be one of interaction, query, but is 'user'."),
        ({"batch_size": "64"}, "--batch_size must be of kind int, but is '64'."),
        ({"use_query_id": 1}, "--use_query_id must be of kind bool, but is 1."),
        ({"query_hidden_units": ["a"]}, "--query_hidden_units must be whole numbers separated by commas"),
    ],
)
def test_values_out_of_range_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence.replace("(", r"\(").replace("[", r"\[")):
        training_config.training_config(options)


def test_model_options_out_of_range_are_refused_with_a_sentence():
    with pytest.raises(model_config.ModelConfigError, match=r"temperature must be > 0 and finite, but is 0\.0"):
        training_config.training_config({"temperature": 0.0})


def test_optimizer_options_out_of_range_are_refused_with_a_sentence():
    with pytest.raises(optimizers.OptimizerConfigError, match=r"learning_rate must be > 0 and finite, but is 0\.0"):
        training_config.training_config({"learning_rate": 0.0})


def test_a_table_learning_rate_may_be_left_out_in_words():
    assert training_config.training_config({"table_learning_rate": None}).optimization.table_learning_rate is None
    assert training_config.training_config({"table_learning_rate": 1}).optimization.table_learning_rate == 1.0


def test_a_resumed_run_may_change_how_it_is_executed_but_not_how_it_optimizes():
    plain = training_config.training_config({}).shaping_options()
    assert training_config.training_config({"steps_per_execution": 7, "num_epochs": 99}).shaping_options() == plain
    for option, value in {
        "optimizer": "lazy_adam",
        "learning_rate": 0.5,
        "table_learning_rate": 0.5,
        "weight_decay": 0.5,
        "clip_norm": 0.5,
        "warm_up_steps": 5,
        "batch_size": 5,
        "early_stop_metric": "ndcg_at_20",
        "ask_per": "query",
    }.items():
        changed = training_config.training_config({option: value}).shaping_options()
        assert {name for name in plain if plain[name] != changed[name]} == {option}
    cosine = training_config.training_config({"schedule": "cosine", "decay_steps": 9}).shaping_options()
    assert (cosine["schedule"], cosine["decay_steps"]) == ("cosine", 9)


def test_a_configuration_file_is_read_by_path_or_by_shipped_name(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"batch_size": 64}))
    assert training_config.read_options(str(path)) == {"batch_size": 64}
    shipped = training_config.read_options("movielens_100k")
    assert training_config.training_config(shipped).batch_size == shipped["batch_size"]


def test_a_missing_or_malformed_configuration_file_is_refused(tmp_path):
    with pytest.raises(
        job.ConfigError,
        match="neither a file nor a shipped configuration; shipped are complete_journey, gowalla, movielens_100k, mov",
    ):
        training_config.read_options("movielens_1b")
    path = tmp_path / "list.json"
    path.write_text("[]")
    with pytest.raises(job.ConfigError, match="must hold a JSON object, but holds a list"):
        training_config.read_options(str(path))
    path.write_text('{"batch_size": 64,\n}')
    with pytest.raises(artifacts.ArtifactError, match="line 2"):
        training_config.read_options(str(path))
