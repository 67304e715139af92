import re

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import offline_evaluation, quickstart, train, training_config, training_flags


@pytest.fixture
def defaults():
    """What the help of `train` says of each flag's default, by name."""
    entry = re.compile(r"--(?:\[no\])?(\w+):.*?(?=\n  --|\Z)", re.DOTALL)
    entries = {found[1]: found[0] for found in entry.finditer(flags.FLAGS.module_help(train))}
    shown = {name: re.search(r"\(default: '(.*)'\)", text) for name, text in entries.items()}
    return {name: found[1] if found else None for name, found in shown.items()}


def test_the_help_shows_the_value_that_an_option_has_where_its_flag_is_not_given(defaults):
    assert defaults["prepared_dir"] is None
    config = training_config.training_config({})
    options = {**vars(config.model), **vars(config.optimization), **vars(config)}
    for name in options.keys() - {"model", "optimization"}:
        value = options[name]
        written = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        assert defaults[name] == {"True": "true", "False": "false", "None": None}.get(written, written)


def test_a_default_is_no_flag_that_was_given():
    with flagsaver.flagsaver():
        flags.FLAGS(["train"])
        assert training_flags.options_from_flags() == {}
        flags.FLAGS(["train", "--embedding_dim=64", "--nouse_query_id", "--query_hidden_units=32,16", "--dropout=.1"])
        assert training_flags.options_from_flags() == {
            "embedding_dim": 64,
            "use_query_id": False,
            "query_hidden_units": ["32", "16"],
            "dropout": 0.1,
        }


def test_a_default_leaves_a_configuration_file_its_say():
    with flagsaver.flagsaver():
        flags.FLAGS(["train", "--config=movielens_100k", "--dropout=.1", "--prepared_dir=p", "--model_dir=m"])
        shipped = training_config.read_options("movielens_100k")
        assert train.config_from_flags().training == training_config.training_config({**shipped, "dropout": 0.1})


@pytest.mark.parametrize(
    ("given", "expected"),
    [([], "movielens_100k"), (["--config=movielens_100k_small"], "movielens_100k_small")],
)
def test_the_quick_start_trains_the_configuration_that_is_given_or_the_shipped_one(given, expected):
    with flagsaver.flagsaver():
        flags.FLAGS(["quickstart", "--output_dir=quickstart", "--dropout=.5", *given])
        options = {**training_config.read_options(expected), "dropout": 0.5}
        assert quickstart.config_from_flags().options == options


def test_every_way_to_ask_is_a_value_of_the_flag():
    for way in offline_evaluation.ASK_PER:
        with flagsaver.flagsaver():
            flags.FLAGS(["train", f"--ask_per={way}"])
            assert training_flags.options_from_flags() == {"ask_per": way}
    with pytest.raises(flags.IllegalFlagValueError, match="value should be one of <interaction\\|query>"):
        flags.FLAGS(["train", "--ask_per=user"])
