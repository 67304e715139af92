"""Requests that no export can answer: INVALID_ARGUMENT over gRPC, 400 over REST, one sentence that says what to do."""

import base64

import httpx
import numpy as np
import pytest
import tensorflow as tf

from serving import client, errors
from tests.serving import small_recommender, tiny_models

_QUERY = {"query_id": ["u1"], "age": [41.0]}
_ONE_ROW = {"history": [["c1", "c2"]], "tags": [["x"]]}


@pytest.fixture(scope="module")
def server(small_exports, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("served")
    # What is refused is so before an index is asked.
    tiny_models.publish(small_exports("brute_force").path, base_path, 1)
    with tiny_models.running_server(base_path, enable_model_warmup=False) as config:
        yield config


def _url(server):
    return f"http://127.0.0.1:{server.rest_api_port}"


@pytest.fixture(params=["rest", "grpc"])
def asked(request, server):
    # The first request of a signature pays for what TensorFlow does once, on a busy machine for long.
    waits = {"timeout_seconds": 60.0}
    rest = request.param == "rest"
    made = client.RestClient(_url(server), **waits) if rest else client.GrpcClient(f"127.0.0.1:{server.port}", **waits)
    with made:
        yield made


def _two_ages():
    example = tf.train.Example()
    example.features.feature["age"].float_list.value.extend([1.0, 2.0])
    return example.SerializeToString()


def _bytes(value):
    return np.array([value], object)


_REFUSED = {
    "no input": ("serving_default", {"k": [3]}, "A request needs at least one row in one of its inputs, but has none"),
    "empty batch": ("serving_default", {"query_id": []}, "A request needs at least one row in one of its inputs"),
    "k 0": ("serving_default", {**_QUERY, "k": [0]}, "k must be between 1 and 40 in every row, but is 0; ask for"),
    "k -1": ("serving_default", {**_QUERY, "k": [-1]}, "k must be between 1 and 40 in every row, but is -1; ask"),
    "k 41": ("serving_default", {**_QUERY, "k": [41]}, "k must be between 1 and 40 in every row, but is 41; ask"),
    "largest k": ("similar_candidates", {"candidate_id": ["c1"], "k": [2**31 - 1]}, "k must be between 1 and 40"),
    "two ks": ("serving_default", {**_QUERY, "k": [1, 2]}, "k must be one number .* of the 1 rows, but there are 2"),
    "nested k": ("serving_default", {**_QUERY, "k": [[1]]}, "k must be"),
    "infinity": ("serving_default", {"age": [float("inf")]}, "Input age must hold numbers within .*, but holds inf"),
    "too large": ("embed_query", {"age": [3e38]}, "Input age must hold numbers within .*, but holds 3e.?38"),
    "rows": ("serving_default", {**_QUERY, "motto": ["a", "b"]}, "Inputs must have the same number of rows, but "),
    "rows of a filter": ("serving_default", {**_QUERY, "filter_genre": [["war"]] * 2}, "same number of rows, but "),
    "a list as a value": ("serving_default", {**_QUERY, "age": [[41.0]]}, "Input '?age'? must "),
    "a value as a list": ("serving_default", {**_QUERY, "tags": ["x"]}, "Input '?tags'? must "),
    "no rows at all": ("serving_default", {**_QUERY, "query_id": np.array("u1", object)}, "Input '?query_id'? must "),
    "a flat filter": ("serving_default", {**_QUERY, "filter_list": ["a"]}, "Input '?filter_list'? must "),
    "type": ("serving_default", {"age": np.array(["old"], object)}, "DT_FLOAT|float"),
    "type of k": ("serving_default", {**_QUERY, "k": np.array([1.5])}, "DT_INT32|int32"),
    "type of an id": ("serving_default", {"query_id": np.array([7])}, "DT_STRING|string"),
    "unknown filter": ("serving_default", {**_QUERY, "filter_colour": [["red"]]}, "filter_colour"),
    "weights": (
        "serving_default",
        {**_ONE_ROW, "tags_weights": [[1.0, 2.0]]},
        "one weight for each value of tags, but",
    ),
    "negative weight": ("serving_default", {**_ONE_ROW, "tags_weights": [[-1.0]]}, "finite weights >= 0"),
    "missing weight": ("serving_default", {**_ONE_ROW, "tags_weights": [[float("nan")]]}, "finite weights >= 0"),
    "moments": ("serving_default", {**_ONE_ROW, "history_timestamps": [[1]]}, "one moment for each value of history"),
    "no example": ("serving_tf_example", {"examples": _bytes(b"no example")}, "Could not parse example input"),
    "no example, no text": ("serving_tf_example", {"examples": _bytes(b"\xff\xff")}, "Could not parse example input"),
    "examples left out": (
        "serving_tf_example",
        {"filter_genre": [["war"]]},
        "Input examples must be given, but was left out",
    ),
    "two values": (
        "serving_tf_example",
        {"examples": _bytes(_two_ages())},
        "Feature age of an example must have at most one value, but one example has 2; give one",
    ),
    "no candidates": ("score", _QUERY, "Input candidate_ids must be given, but was left out"),
    "no candidate": ("similar_candidates", {"filter_genre": [["war"]]}, "Input candidate_id must be given"),
    "unknown input": ("embed_candidates", {"candidate_id": ["c1"], "colour": ["red"]}, "colour"),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_a_bad_request_is_refused_with_a_sentence(asked, case):
    signature, inputs, sentence = _REFUSED[case]
    with pytest.raises(errors.InvalidArgumentError, match=sentence) as refusal:
        asked.predict("tiny", inputs, signature)
    # One sentence, and not a list of what it was made of.
    assert "] [" not in str(refusal.value)


def _to_json(values):
    if isinstance(values, (list, np.ndarray)) and np.ndim(values):
        return [_to_json(each) for each in values]
    values = values.item() if isinstance(values, (np.ndarray, np.generic)) else values
    return {"b64": base64.b64encode(values).decode()} if isinstance(values, bytes) else values


@pytest.mark.parametrize("case", [name for name in _REFUSED if name not in ("infinity", "missing weight")])
def test_over_rest_it_is_a_400(server, case):
    signature, inputs, _ = _REFUSED[case]
    body = {"signature_name": signature, "inputs": {name: _to_json(values) for name, values in inputs.items()}}
    answer = httpx.post(f"{_url(server)}/v1/models/tiny:predict", json=body, trust_env=False, timeout=60)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 20


def test_after_all_that_good_requests_are_answered(asked):
    for signature, inputs in (
        ("serving_default", {**_QUERY, "k": [3]}),
        ("similar_candidates", {"candidate_id": ["c1"], "k": [3]}),
    ):
        answer = asked.predict("tiny", inputs, signature)
        assert answer["valid"].tolist() == [[True] * 3]


def test_rows_may_have_filters_of_their_own_in_row_format(server):
    instances = [
        {"query_id": "u1", "k": 2, "filter_genre": ["war"]},
        {"query_id": "u2", "k": 1, "filter_genre": ["drama"]},
    ]
    answer = httpx.post(f"{_url(server)}/v1/models/tiny:predict", json={"instances": instances}, trust_env=False)
    rows = answer.json()["predictions"]
    assert [row["valid"] for row in rows] == [[True, True], [True, False]]
    genre_of = dict(zip(small_recommender.IDS, small_recommender.GENRES, strict=True))
    assert [[genre_of.get(each) for each in row["candidate_ids"]] for row in rows] == [["war", "war"], ["drama", None]]
