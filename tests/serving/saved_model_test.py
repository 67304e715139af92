import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from serving import saved_model
from serving.index import factory
from tests.serving import fresh_process
from tfrs_model import features, model_config, towers, two_tower, two_tower_builder

_NUM_CANDIDATES = 30
_IDS = [f"c{i}" for i in range(_NUM_CANDIDATES)]
_K = 5
_QUERIES = {
    "query_id": ["u1", "stranger", ""],
    "history": [["c1", "c2"], ["c9", "never"], ["", ""]],
    "age": [41.0, float("nan"), -1000.0],
    "tags": [["x", ""], ["y", "z"], ["", ""]],
}


@dataclasses.dataclass(frozen=True)
class _Exported:
    """An export, and what it was made from."""

    path: str
    model: two_tower.TwoTowerModel
    corpus: np.ndarray
    function: dict


def _model():
    """Widths are told apart: 6 and 7 are hidden layers of the query and the candidate tower, 240 are buckets."""
    config = model_config.ModelConfig(
        embedding_dim=8, query_hidden_units=(6,), candidate_hidden_units=(7,), history_length=2, dropout=0.5
    )
    inputs = model_config.ModelInputs(
        ("u1", "u2"),
        tuple(_IDS),
        (
            features.FeatureInput("age", "numeric", mean=30.0, standard_deviation=10.0),
            features.FeatureInput("tags", "multivalent", 3, ("x", "y")),
        ),
        (features.FeatureInput("genre", "categorical", 4, ("drama", "war")),),
    )
    return two_tower_builder.build_two_tower(config, inputs, seed=1)


@pytest.fixture(scope="module", params=["brute_force", "scann"])
def exported(request, tmp_path_factory):
    model = _model()
    genres = tf.constant(["drama", "war", ""] * 10)
    corpus = model.candidate_tower({"candidate_id": tf.constant(_IDS), "genre": genres}).numpy()
    model.query_tower(_tensors(_QUERIES), training=True)
    served = saved_model.ServedRecommender(model.query_tower, factory.build_index(request.param, _IDS, corpus, _K), _K)
    path = str(tmp_path_factory.mktemp("export") / request.param)
    saved_model.write_saved_model(served, path)
    return _Exported(path, model, corpus, tf.saved_model.load(path).signatures)


def _tensors(batch):
    return {name: tf.constant(values, tf.float32 if name == "age" else tf.string) for name, values in batch.items()}


def _recommend(exported, **changes):
    return exported.function["serving_default"](**_tensors({**_QUERIES, **changes}))


def test_both_signatures_take_the_raw_inputs_of_the_query_tower(exported):
    assert set(exported.function) == {"serving_default", "embed_query"}
    outputs = {
        "serving_default": {"candidate_ids": (tf.string, [None, _K]), "scores": (tf.float32, [None, _K])},
        "embed_query": {"embedding": (tf.float32, [None, 8])},
    }
    for name, function in exported.function.items():
        specs = function.structured_input_signature[1]
        assert {each: (spec.dtype, spec.shape.as_list()) for each, spec in specs.items()} == {
            "query_id": (tf.string, [None]),
            "history": (tf.string, [None, None]),
            "age": (tf.float32, [None]),
            "tags": (tf.string, [None, None]),
        }
        answered = function.structured_outputs
        assert {each: (spec.dtype, spec.shape.as_list()) for each, spec in answered.items()} == outputs[name]


def test_the_embedding_is_that_of_the_tower_outside_training(exported):
    embedding = exported.function["embed_query"](**_tensors(_QUERIES))["embedding"]
    np.testing.assert_allclose(embedding, exported.model.query_tower(_tensors(_QUERIES)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, rtol=1e-5)


def test_known_unknown_and_empty_queries_get_the_best_of_the_corpus(exported):
    queries = exported.model.query_tower(_tensors(_QUERIES)).numpy()
    answer = _recommend(exported)
    fresh_process.assert_is_exact_answer(
        answer["candidate_ids"].numpy(), answer["scores"], _IDS, exported.corpus, queries, _K
    )


def test_histories_and_lists_may_be_of_any_length_and_of_none(exported):
    answer = _recommend(exported)
    longer = _recommend(exported, history=[["", "c1", "c2", ""], ["c9", "", "", "never"], [""] * 4])
    np.testing.assert_array_equal(longer["candidate_ids"], answer["candidate_ids"])
    np.testing.assert_allclose(longer["scores"], answer["scores"], atol=1e-6)
    none = _recommend(exported, history=np.zeros([3, 0], str), tags=np.zeros([3, 0], str))
    assert np.isfinite(none["scores"]).all()
    assert np.all(none["candidate_ids"].numpy() != b"")
    np.testing.assert_allclose(none["scores"][2], answer["scores"][2], atol=1e-6)


def test_an_empty_batch_has_an_empty_answer(exported):
    empty = {
        name: np.zeros([0, 0][: np.ndim(values)], str if name != "age" else None) for name, values in _QUERIES.items()
    }
    answer = _recommend(exported, **empty)
    assert answer["candidate_ids"].shape == answer["scores"].shape == (0, _K)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("query_id", ["u1"]),
        ("history", [["c1"]]),
        ("age", [1.0, 2.0, 3.0, 4.0]),
        ("tags", [["x"], ["y"]]),
        ("query_id", []),
    ],
)
@pytest.mark.parametrize("signature", ["serving_default", "embed_query"])
def test_inputs_of_unequal_numbers_of_rows_are_refused_with_their_names(exported, signature, name, values):
    inputs = _tensors({**_QUERIES, name: values})
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"Inputs .*{name}.* must have the same number of rows\."):
        exported.function[signature](**inputs)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e30])
def test_a_number_that_is_not_finite_is_refused_rather_than_answered_with_the_first_candidates(exported, value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"age must hold numbers within"):
        _recommend(exported, age=[41.0, value, 30.0])


def test_the_export_holds_the_query_tower_and_the_corpus_and_nothing_else(exported):
    shapes = [tuple(shape) for name, shape in tf.train.list_variables(f"{exported.path}/variables/variables")]
    tower = [
        (4, 8),  # query ids: the empty one, one bucket of unknown ones, two known
        (32, 8),  # history: the same with 30
        (4, 3),  # tags: the same with 2
        (2 + 3 + 8 + 8, 6),  # hidden layer on age and its flag, tags, id and history
        (6,),
        (6, 8),  # projection
        (8,),
        (),  # calls counted by the dropout, which serving neither reads nor writes
    ]
    corpus = [(_NUM_CANDIDATES, 8), (_NUM_CANDIDATES,)]
    searcher = {(), (1,)}  # ScaNN's configuration and unused parts
    for shape in [*tower, *corpus]:
        shapes.remove(shape)
    assert set(shapes) <= searcher
    with open(f"{exported.path}/saved_model.pb", "rb") as file:
        content = file.read()
    for trace in (rb"frequency", rb"temperature", rb"drama", rb"candidate_tower(?![/_]candidate_id[/_]table)"):
        assert not re.search(trace, content)


def test_a_brute_force_export_needs_stock_operations_only(exported):
    with open(f"{exported.path}/saved_model.pb", "rb") as file:
        assert (b"Scann>" in file.read()) == exported.path.endswith("scann")


@pytest.mark.parametrize("exported", ["brute_force"], indirect=True)
def test_a_fresh_process_with_tensorflow_alone_gives_the_same_answer(exported):
    (answer,) = fresh_process.ask([{"export": exported.path, "signature": "serving_default", "inputs": _QUERIES}])
    here = _recommend(exported)
    assert answer["candidate_ids"] == np.char.decode(here["candidate_ids"].numpy().astype(bytes)).tolist()
    np.testing.assert_allclose(answer["scores"], here["scores"], rtol=1e-6)


def test_a_tower_of_one_input_is_served_and_a_long_answer_is_filled_up(tmp_path):
    ages = (features.FeatureInput("age", "numeric"),)
    tower = towers.QueryTower(None, None, ages, embedding_dim=2)
    index = factory.build_index("brute_force", ["a", "b"], np.eye(2, dtype=np.float32), 4)
    saved_model.write_saved_model(saved_model.ServedRecommender(tower, index, 4), tmp_path / "export")
    answer = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"](age=tf.constant([1.0]))
    assert set(answer["candidate_ids"].numpy()[0, :2]) == {b"a", b"b"}
    assert answer["candidate_ids"].numpy()[0, 2:].tolist() == [b"", b""]
    np.testing.assert_array_equal(answer["scores"][0, 2:], [np.finfo(np.float32).min] * 2)
