import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import job, warm_start, warm_start_flags
from tfrs_model import growth


@pytest.fixture(autouse=True)
def parsed():
    """Lets flags be read that were not given."""
    was_parsed = flags.FLAGS.is_parsed()
    with flagsaver.flagsaver():
        flags.FLAGS.mark_as_parsed()
        yield
    if not was_parsed:
        flags.FLAGS.unparse_flags()


def test_without_a_directory_a_run_starts_afresh():
    assert warm_start_flags.config_from_flags() is None


def test_the_flags_are_directory_policy_and_start_of_rows():
    given = {"warm_start_dir": "monday", "admission_min_count": "2", "expire_after_days": "30", "new_rows": "unknown"}
    with flagsaver.as_parsed(**given, replay_days="7"):
        config = warm_start_flags.config_from_flags()
    assert config == warm_start.WarmStartConfig("monday", growth.VocabularyPolicy(2, 30, 0), "unknown", 7)


def test_a_policy_without_a_run_to_go_on_from_is_refused():
    with (
        flagsaver.as_parsed(expire_after_days="30"),
        pytest.raises(
            job.ConfigError, match="--expire_after_days is about going on from another run and needs --warm_start"
        ),
    ):
        warm_start_flags.config_from_flags()
