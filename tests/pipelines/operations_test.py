"""What docs/operations.md says of flags and sentences, against the code that has them."""

import pathlib
import re

import pytest
from absl import flags

from pipelines import daily_run, recommend, refresh_index, rollback
from pipelines.daily import check_flags
from serving.server import server_flags

_ROOT = pathlib.Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
_JOBS = (daily_run, recommend, refresh_index, rollback)
# Of jq, tensorboard, absl and the preflight, which defines its own as it starts.
_OF_OTHERS = {"arg", "logdir", "flagfile", "verbosity", "model_dir"}


def test_every_flag_of_the_page_is_one_of_a_job_or_of_the_server():
    named = set(re.findall(r"--([a-z][a-z_]+)", _PAGE))
    of_the_server = {name for names in server_flags.GROUPS.values() for name in names}
    assert {name for name in named if name not in flags.FLAGS} - of_the_server - _OF_OTHERS == set()
    assert len(named) > 25


@pytest.mark.parametrize("name", [flag.name for flag in flags.FLAGS.get_key_flags_for_module(check_flags)])
def test_the_page_tells_of_every_flag_of_what_days_and_models_keep_to(name):
    assert f"--{name}" in _PAGE


def test_every_version_that_a_command_of_the_page_reads_is_there_then():
    after_the_rollback = _PAGE.split("## Take a version back")[1]
    assert set(re.findall(r"served/movielens/([0-9]+)", after_the_rollback)) <= {"1", "2", "4"}


def _code() -> str:
    """Returns all messages of the jobs as one text, their lines joined."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((_ROOT / "pipelines").rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def _quoted() -> list[str]:
    table = _PAGE.split("## What a sentence means")[1].split("\n## ")[0]
    return [part.strip() for quote in re.findall(r'"([^"]+)"', table) for part in quote.split("...") if part.strip()]


@pytest.mark.parametrize("words", _quoted())
def test_every_sentence_that_the_page_explains_is_said_by_the_code(words):
    assert words in _code()


def test_the_page_tells_of_every_job_that_runs_day_by_day():
    started = set(re.findall(r"python -m (pipelines\.[a-z_]+)", _PAGE))
    assert started == {job.__name__ for job in _JOBS}
