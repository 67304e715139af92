import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import prepare_data, prepared_data, progressive_questions
from tfrs_model.schema import InteractionColumns, Schema

_SCHEMA = Schema(InteractionColumns("user", "item", "at", "s"))
_DAY = 1_000_000
# Before the day u1 chose a and b, u2 chose c. On the day: u1 chooses c, then a again, then the new d; u2 the known b;
# the new u3 chooses a and, later the same day, b.
_BEFORE = [("u1", "a", 10), ("u1", "b", 20), ("u2", "c", 30)]
_ON_THE_DAY = [
    ("u1", "c", _DAY + 1),
    ("u1", "a", _DAY + 2),
    ("u1", "d", _DAY + 3),
    ("u2", "b", _DAY + 4),
    ("u3", "a", _DAY + 5),
    ("u3", "b", _DAY + 6),
]


def _prepare(folder, rows):
    folder.mkdir()
    path = folder / "log.parquet"
    pq.write_table(pa.table(dict(zip(("user", "item", "at"), zip(*rows, strict=True), strict=True))), path)
    prepare_data.run(prepare_data.PrepareConfig(str(path), str(folder / "prepared"), _SCHEMA, split="none"))
    return folder / "prepared"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("progressive")
    model_dir = root / "model"
    model_dir.mkdir()
    # What a model knows of its data is kept as prepared data are.
    _prepare(root / "before", _BEFORE).rename(model_dir / "description")
    return prepared_data.read_prepared_data(_prepare(root / "day", _BEFORE + _ON_THE_DAY)), model_dir


def _questions(prepared, **options):
    data, model_dir = prepared
    return progressive_questions.questions_since(data, _DAY * 1_000_000, model_dir, **options)


def _asked(data, questions):
    """Returns who is asked for what, with the history and the exclusions, as ids."""
    ids, examples = data.candidate_ids, questions.examples
    queries = data.queries["query_id"].to_pylist()
    histories = [
        ids[examples.sequence[begin:end]].tolist()
        for begin, end in zip(examples.history_begin, examples.history_end, strict=True)
    ]
    excluded = [
        sorted(ids[questions.excluded_rows[begin:end]])
        for begin, end in zip(questions.excluded_splits, questions.excluded_splits[1:], strict=False)
    ]
    return list(
        zip(
            [queries[each] for each in examples.query_rows],
            ids[questions.target_rows],
            histories,
            excluded,
            strict=True,
        )
    )


def test_each_interaction_of_the_day_is_asked_with_what_its_query_chose_before_it(prepared):
    assert sorted(_asked(prepared[0], _questions(prepared))) == [
        ("u1", "c", ["a", "b"], ["a", "b"]),
        ("u1", "d", ["a", "b", "c", "a"], ["a", "a", "b", "c"]),
        ("u2", "b", ["c"], ["c"]),
        ("u3", "a", [], []),
        ("u3", "b", ["a"], ["a"]),
    ]


def test_asked_again_the_repeat_is_a_question_and_nothing_is_excluded(prepared):
    asked = _asked(prepared[0], _questions(prepared, asks_again=True))
    assert ("u1", "a", ["a", "b", "c"], []) in asked
    assert len(asked) == len(_ON_THE_DAY)
    assert not any(excluded for *_, excluded in asked)


def test_what_is_asked_left_out_and_unknown_is_counted(prepared):
    assert _questions(prepared).counts == {
        "num_interactions": 5,
        "num_repeats_left_out": 1,
        "num_of_unknown_candidates": 1,
        "num_unknown_candidates": 1,
        "num_of_unknown_queries": 2,
        "num_unknown_queries": 1,
        "num_known_candidates": 3,
    }


def test_known_candidates_are_ranked_among_themselves_and_an_unknown_one_is_missed(prepared):
    data, questions = prepared[0], _questions(prepared)
    assert data.candidate_ids.tolist() == ["a", "b", "c", "d"]
    # d would be first everywhere, were it ranked; of the others a is before b before c.
    corpus = np.array([[3.0], [2.0], [1.0], [9.0]], np.float32)
    ranked = questions.rank(np.ones([5, 1], np.float32), corpus)
    found = {
        (who, what): (rank, data.candidate_ids[top[top >= 0]].tolist())
        for (who, what, *_), rank, top in zip(
            _asked(data, questions), ranked.target_ranks, ranked.top_rows, strict=True
        )
    }
    assert found == {
        ("u1", "c"): (1, ["c"]),
        ("u1", "d"): (progressive_questions.MISSED_RANK, []),
        ("u2", "b"): (2, ["a", "b"]),
        ("u3", "a"): (1, ["a", "b", "c"]),
        ("u3", "b"): (1, ["b", "c"]),
    }


def test_a_miss_is_found_at_no_cut_off_and_worth_nothing(prepared):
    questions = _questions(prepared)
    ranked = questions.rank(np.ones([5, 1], np.float32), np.array([[3.0], [2.0], [1.0], [9.0]], np.float32))
    accuracy = questions.accuracy(ranked)
    # Four of five are found in the first two places; their reciprocal ranks are 1, 1/2, 1 and 1.
    assert accuracy["recall_at_10"] == accuracy["recall_at_100"] == 0.8
    assert accuracy["mrr"] == pytest.approx(3.5 / 5)


def test_a_model_that_knows_nothing_misses_everything(prepared):
    data, questions = prepared[0], _questions(prepared)
    nothing = questions.__class__(
        **{**vars(questions), "is_known": np.zeros(data.corpus.num_rows, bool)},
    )
    ranked = nothing.rank(np.ones([5, 1], np.float32), np.ones([4, 1], np.float32))
    assert nothing.accuracy(ranked)["recall_at_100"] == 0.0


def test_popularity_knows_the_days_before_alone(prepared):
    counts = progressive_questions.counts_before(prepared[0], _DAY * 1_000_000)
    # a, b and c were chosen once each, d never.
    assert counts.tolist() == [1, 1, 1, 0]


def test_a_sample_of_the_time_before_is_of_its_last_stretch_spread_over_it(prepared):
    data, end = prepared[0], _DAY * 1_000_000
    seconds = data.examples("train").timestamps // 1_000_000

    def sampled(length_seconds, num_questions):
        rows = progressive_questions.sample_before(data, end, length_seconds * 1_000_000, num_questions)
        return sorted(seconds[rows].tolist())

    # The interactions before the day are of seconds 10, 20 and 30.
    assert sampled(100, 9) == [10, 20, 30]
    assert sampled(11, 9) == [20, 30]
    assert sampled(100, 2) == [10, 30]
    assert sampled(100, 0) == []
    assert progressive_questions.sample_before(data, 0, 1, 9).tolist() == []
