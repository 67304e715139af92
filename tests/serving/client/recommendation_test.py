import numpy as np
import pytest

from serving import errors
from serving.client import model_info, recommendation

_TYPES = {"query_id": "STRING", "history": "STRING", "age": "FLOAT", "tags": "STRING", "tags_weights": "FLOAT"}
_SPECS = {name: model_info.TensorSpec(f"DT_{each}", None) for name, each in _TYPES.items()}


def test_lists_are_padded_to_the_longest_and_at_least_to_one():
    assert recommendation.padded([["a", "b"], [], ["c"]]) == [["a", "b"], ["", ""], ["c", ""]]
    assert recommendation.padded([[], []]) == [[""], [""]]
    assert recommendation.padded([]) == []


def test_features_go_beside_query_and_history():
    features = {"age": [30, 40], "tags": [["x"], ["y", "z"]]}
    assert recommendation.query_inputs(["u", "v"], [["c"], []], features, _SPECS) == {
        "query_id": ["u", "v"],
        "history": [["c"], [""]],
        "age": [30, 40],
        "tags": [["x", ""], ["y", "z"]],
    }


def test_weights_are_padded_with_zeros_beside_the_empty_strings_of_their_values():
    features = {"tags": [["x"], [], ["y", "z"]], "tags_weights": [[2.0], [], [1, 0.5]]}
    inputs = recommendation.query_inputs(["u", "v", "w"], None, features, _SPECS)
    assert inputs["tags"] == [["x", ""], ["", ""], ["y", "z"]]
    assert inputs["tags_weights"] == [[2.0, 0.0], [0.0, 0.0], [1, 0.5]]
    empty = recommendation.query_inputs(["u"], None, {"tags": [[]], "tags_weights": [[]]}, _SPECS)
    assert (empty["tags"], empty["tags_weights"]) == ([[""]], [[0.0]])


def test_a_history_is_only_sent_to_a_model_that_takes_one():
    assert recommendation.query_inputs(["u"], None, {}, _SPECS)["history"] == [[""]]
    assert "history" not in recommendation.query_inputs(["u"], None, {}, {"query_id": _SPECS["query_id"]})


_TIMED = {**_SPECS, "history_timestamps": model_info.TensorSpec("DT_INT64", None)}


def test_moments_of_a_history_are_padded_with_unknown_ones():
    features = {"history_timestamps": [[5, 6], [7], []]}
    inputs = recommendation.query_inputs(["u", "v", "w"], [["a", "b"], ["c"], []], features, _TIMED)
    assert inputs["history"] == [["a", "b"], ["c", ""], ["", ""]]
    assert inputs["history_timestamps"] == [[5, 6], [7, -1], [-1, -1]]


def test_a_model_that_reads_moments_gets_unknown_ones_where_none_are_given():
    inputs = recommendation.query_inputs(["u", "v"], [["a", "b"], []], {}, _TIMED)
    assert inputs["history_timestamps"] == [[-1, -1], [-1, -1]]
    assert recommendation.query_inputs(["u"], None, {}, _TIMED)["history_timestamps"] == [[-1]]


def test_a_model_that_reads_the_moment_is_asked_now_unless_another_is_given(monkeypatch):
    monkeypatch.setattr(recommendation.time, "time", lambda: 1_700_000_000.5)
    specs = {**_TIMED, "moment": model_info.TensorSpec("DT_INT64", None)}
    assert recommendation.query_inputs(["u", "v"], None, {}, specs)["moment"] == [1_700_000_000_500_000] * 2
    assert recommendation.query_inputs(["u"], None, {"moment": [7]}, specs)["moment"] == [7]
    assert "moment" not in recommendation.query_inputs(["u"], None, {}, _TIMED)


def test_a_history_with_fewer_moments_than_ids_is_refused():
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        recommendation.query_inputs(["u"], [["a", "b"]], {"history_timestamps": [[5]]}, _TIMED)
    assert str(refusal.value) == (
        "history has 2 ids for query 0, but history_timestamps has 1 moments; give each of the ids one."
    )


@pytest.mark.parametrize(
    ("query_ids", "histories", "features", "text"),
    [
        (["u", "v"], [["c"]], {}, "history has 1 entries for 2 query ids; give one for each query."),
        (["u"], None, {"age": []}, "age has 0 entries for 1 query ids; give one for each query."),
        ("196", None, {}, "query_ids takes lists of ids, but got '196'; write ['196']."),
        (
            ["u", "v"],
            None,
            {"tags": [["x"], ["x", "y"]], "tags_weights": [[1.0], [1.0]]},
            "tags has 2 values for query 1, but tags_weights has 1 weights; give each of the values one.",
        ),
        (["u"], ["c1"], {}, "histories takes lists of ids, but got 'c1'; write ['c1']."),
    ],
)
def test_lists_of_the_wrong_kind_are_refused(query_ids, histories, features, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        recommendation.query_inputs(query_ids, histories, features, _SPECS)
    assert str(refusal.value) == text


_RESTRICTING = {
    "k": model_info.TensorSpec("DT_INT32", None),
    **{
        name: model_info.TensorSpec("DT_STRING", None)
        for name in ("exclude_candidate_ids", "allow_candidate_ids", "filter_genre")
    },
}


def test_restrictions_are_padded_with_empty_strings_and_left_out_where_not_given():
    inputs = recommendation.restricting_inputs(
        2, 5, [["a", "b"], []], None, {"genre": [["war"], ["war", "drama"]]}, _RESTRICTING
    )
    assert inputs == {
        "k": [5],
        "exclude_candidate_ids": [["a", "b"], ["", ""]],
        "filter_genre": [["war", ""], ["war", "drama"]],
    }
    inputs = recommendation.restricting_inputs(2, [5, 1], None, [["a"], []], None, _RESTRICTING)
    assert inputs == {"k": [5, 1], "allow_candidate_ids": [["a"], [""]]}
    # A model that takes none of them is asked without.
    assert recommendation.restricting_inputs(2, None, None, None, None, {}) == {}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"k": [1]}, "k has 1 entries for 2 query ids; give one for each query."),
        ({"exclude_candidate_ids": [["a"]]}, "exclude_candidate_ids has 1 entries for 2 query ids; give one for each"),
        ({"exclude_candidate_ids": ["a", "b"]}, "exclude_candidate_ids takes lists of ids, but got 'a'; write ['a']."),
        ({"allow_candidate_ids": "ab"}, "allow_candidate_ids takes lists of ids, but got 'ab'; write ['ab']."),
        ({"filters": {"genre": ["war", "war"]}}, "filter_genre takes lists of values, but got 'war'; write ['war']."),
        (
            {"filters": {"colour": [["red"], []]}},
            "The model's signature takes no filter_colour; it takes allow_candidate_ids, exclude_candidate_ids, "
            "filter_genre, k. Leave it out, or export a model that has it.",
        ),
    ],
)
def test_restrictions_of_the_wrong_kind_are_refused(given, text):
    nothing = dict.fromkeys(("k", "exclude_candidate_ids", "allow_candidate_ids", "filters"))
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        recommendation.restricting_inputs(2, **{**nothing, **given}, input_specs=_RESTRICTING)
    assert str(refusal.value).startswith(text)


@pytest.mark.parametrize(
    ("histories", "features", "name"), [([["c"]], {}, "history"), (None, {"colour": ["red"]}, "colour")]
)
def test_what_a_model_does_not_take_is_refused(histories, features, name):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        recommendation.query_inputs(["u"], histories, features, {"query_id": _SPECS["query_id"]})
    assert str(refusal.value) == (
        f"The model's signature takes no {name}; it takes query_id. Leave it out, or export a model that has it."
    )


def test_a_model_that_always_answers_as_many_refuses_a_k():
    for k in (3, np.int64(3), [3]):
        with pytest.raises(errors.InvalidArgumentError, match="takes no k; it takes query_id"):
            recommendation.restricting_inputs(1, k, None, None, None, {"query_id": _SPECS["query_id"]})


def test_an_answer_that_says_which_slots_are_filled_is_taken_at_its_word():
    ids = np.array([[b"a", b"b"]], object)
    outputs = {
        "candidate_ids": ids,
        "scores": np.array([[0.75, 0.5]], np.float32),
        "valid": np.array([[True, False]]),
    }
    assert recommendation.to_recommendations(outputs) == [[recommendation.Recommendation("a", 0.75)]]


def test_slots_without_a_candidate_are_left_out():
    ids = np.array([[b"a", b"b"], ["é".encode(), b""]], object)
    scores = np.array([[0.75, 0.5], [0.25, -np.inf]], np.float32)
    assert recommendation.to_recommendations({"candidate_ids": ids, "scores": scores}) == [
        [recommendation.Recommendation("a", 0.75), recommendation.Recommendation("b", 0.5)],
        [recommendation.Recommendation("é", 0.25)],
    ]


def test_an_answer_of_another_model_is_refused():
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        recommendation.to_recommendations({"y": np.zeros(1)})
    assert str(refusal.value) == (
        "The signature answers ['y'] and not ['candidate_ids', 'scores']; name the recommender's signature."
    )


@pytest.mark.parametrize(
    ("ids", "scores"),
    [
        (np.array([b"a"], object), np.array([1.0])),
        (np.array([[1]]), np.array([[1.0]])),
        (np.array([[b"a", b"b"]], object), np.array([[1.0]])),
    ],
)
def test_an_answer_of_other_shapes_is_refused(ids, scores):
    with pytest.raises(errors.FailedPreconditionError, match="not one row of ids and scores for each query; name the"):
        recommendation.to_recommendations({"candidate_ids": ids, "scores": scores})


def test_a_candidate_id_that_is_no_text_is_refused():
    outputs = {"candidate_ids": np.array([[b"\xff"]], object), "scores": np.array([[1.0]])}
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        recommendation.to_recommendations(outputs)
    assert str(refusal.value) == "Candidate id b'\\xff' is no UTF-8, so it is no text; call predict for the bytes."
