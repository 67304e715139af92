import dataclasses

import pyarrow as pa
import pytest

from pipelines import job, offline_evaluation, prepared_data, question_groupings
from tests.pipelines import prepared_tables

_ROWS = [("p", "a", 1, "train", 0), ("p", "b", 2, "test", 1), ("q", "b", 1, "train", 0)]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abc")))


def test_questions_and_targets_have_the_groupings_of_their_own_tables(data):
    questions = offline_evaluation.held_out(data, "test")
    of_questions = question_groupings.of_questions(data, questions, ["age", "year"])
    of_targets = question_groupings.of_targets(data, questions, ["age", "year"])
    assert [each.name for each in of_questions] == ["query", "history_length", "age"]
    assert [each.name for each in of_targets] == ["popularity_decile", "candidate", "year"]
    assert (of_questions[0].groups[of_questions[0].labels[0]], of_targets[2].groups) == ("known", ("1991",))


def test_a_column_of_the_moment_groups_questions_and_one_of_two_tables_nothing(data):
    questions = offline_evaluation.held_out(data, "test")

    def with_context(name):
        context = {name: pa.chunked_array([["web"] * len(questions.examples)])}
        return dataclasses.replace(questions, examples=dataclasses.replace(questions.examples, context=context))

    asked = with_context("channel")
    question_groupings.require_columns(data, asked, ["channel"])
    assert question_groupings.of_questions(data, asked, ["channel"])[-1].groups == ("web",)
    assert "channel" not in {each.name for each in question_groupings.of_targets(data, asked, ["channel"])}
    with pytest.raises(job.ConfigError, match="'age' is in the query table and the moment"):
        question_groupings.require_columns(data, with_context("age"), ["age"])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("size", "of one table each, of age, genres, year, but 'size' is in none of them"),
        ("query_id", "must name columns that group, but 'query_id' has a value for each"),
        ("candidate_id", "must name columns that group, but 'candidate_id' has a value for each"),
        ("genres", "columns of one value each, but 'genres' of the candidate table has lists"),
    ],
)
def test_columns_that_nothing_can_be_grouped_by_are_refused(data, column, said):
    questions = offline_evaluation.held_out(data, "test")
    question_groupings.require_columns(data, questions, ["age", "year"])
    with pytest.raises(job.ConfigError, match=said):
        question_groupings.require_columns(data, questions, [column])
