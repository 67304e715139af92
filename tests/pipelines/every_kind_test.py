"""The example of the documentation, from the files on the page to a batch."""

import json
import math

import numpy as np
import pytest

from pipelines import feeding, prepare_data, prepared_data
from tests.pipelines import every_kind_log, film_log
from tfrs_model import schema as schema_lib


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    config = every_kind_log.config(tmp_path_factory.mktemp("example"))
    return prepare_data.run(config).manifest, config.prepared_dir


@pytest.fixture(scope="module")
def batch(prepared):
    data = prepared_data.read_prepared_data(prepared[1])
    return next(iter(feeding.Feeder(data, 3).query_batches(data.examples("test"), 3)))


def test_the_page_has_ten_columns_and_every_kind():
    schema = schema_lib.Schema.from_dict(json.loads(every_kind_log.blocks("json")[0]))
    assert len(every_kind_log.blocks("csv")[0].splitlines()[0].split(",")) == 10
    kinds = {side: {each.kind for each in features} for side, features in schema.features_by_side.items()}
    assert kinds["context"] == set(schema_lib.FEATURE_KINDS)
    assert set().union(*kinds.values()) == set(schema_lib.FEATURE_KINDS)


def test_context_is_kept_row_by_row(prepared):
    rows = {(row["query_id"], row["candidate_id"]): row for row in film_log.rows(prepared[1], "interactions")}
    columns = {name.removeprefix("context."): value for name, value in rows["ann", "cup"].items() if "context." in name}
    assert math.isnan(columns.pop("discount"))
    assert columns == {
        "device": "phone",
        "basket": ["pan", "pot"],
        "basket_weights": [1.0, 3.0],
        "wait": 2.0,
        "search": "small cup",
        "seen": "mug",
        "asked_at": 1_704_390_000_000_000,
    }
    assert rows["ann", "mug"]["context.basket"] == rows["ann", "mug"]["context.basket_weights"] == []


def test_vocabularies_are_by_table_and_of_training_rows(prepared):
    _, directory = prepared
    names = ["candidate.tags", "candidate_id", "device", "query_id"]
    found = {
        name: [(row["value"], row["count"]) for row in film_log.rows(directory, f"vocabularies/{name}")]
        for name in names
    }
    # Training rows by hand: ann mug and pan, bob pot and cup, cleo cup.
    assert found["query_id"] == [("ann", 2), ("bob", 2), ("cleo", 1)]
    # device + usual_device: phone 2 + 2, desktop 2 + 2, tablet 1 + 1.
    assert found["device"] == [("desktop", 4), ("phone", 4), ("tablet", 2)]
    # Chosen: cup 2, mug, pan, pot 1. Wishes: pot 2, lid 2, pan 1. Basket: mug, pot. Seen: mug 2, pot 1.
    # goes_with of chosen: mug 2 (of two cups), cup 1, pan 1.
    assert found["candidate_id"] == [("mug", 6), ("pot", 5), ("cup", 3), ("pan", 3), ("lid", 2)]
    assert found["candidate.tags"] == [("kitchen", 3), ("tea", 3), ("iron", 1)]


def test_statistics_and_boundaries_are_of_training_rows(prepared):
    manifest, _ = prepared
    # wait of the training rows: 3.5, 1.5, 8, 0.5, 1; discount 0, 10, 5, 0, 0; grams of all four, 120 350 1800 2100.
    assert manifest["numeric_statistics"]["context"]["wait"]["mean"] == pytest.approx(2.9)
    assert manifest["bucket_boundaries"] == {
        "query": {},
        "context": {"discount": [0.0, 5.0]},
        "candidate": {"grams": [1800.0]},
    }


def test_the_model_is_told_what_each_kind_needs(prepared):
    inputs = prepared_data.read_model_inputs(prepared[1])
    query = {each.name: each for each in inputs.query_features}
    candidate = {each.name: each for each in inputs.candidate_features}
    assert list(query) == [
        "born",
        "usual_device",
        "wishes",
        "about",
        "device",
        "basket",
        "wait",
        "discount",
        "search",
        "seen",
        "asked_at",
    ]
    assert list(candidate) == ["tags", "price", "grams", "words", "goes_with", "released"]
    assert query["device"].vocabulary == query["usual_device"].vocabulary == ("desktop", "phone", "tablet")
    assert query["device"].table_name == query["usual_device"].table_name == "device"
    assert query["born"].boundaries == (1970.0, 1985.0, 2000.0)
    assert query["discount"].boundaries == (0.0, 5.0)
    assert candidate["price"].mean == pytest.approx((7.5 + 4 + 39.9 + 29) / 4)
    assert "lid" in inputs.candidate_ids


def test_a_batch_holds_every_input_of_the_query_tower(batch):
    ann = {name: values.numpy()[0] for name, values in batch.items()}
    assert ann["query_id"] == b"ann"
    assert ann["history"].tolist() == [b"mug", b"pan", b"pot"]
    assert ann["wishes"].tolist() == [b"pot", b"lid"]
    assert ann["basket"].tolist() == [b"pan", b"pot"]
    assert ann["basket_weights"].tolist() == [1.0, 3.0]
    assert (ann["device"], ann["seen"], ann["search"]) == (b"phone", b"mug", b"small cup")
    assert (ann["wait"], ann["born"], ann["asked_at"]) == (2.0, 1980.0, 1_704_390_000_000_000)
    assert np.isnan(ann["discount"])
    assert [batch[name].dtype.name for name in ("wait", "asked_at", "basket", "basket_weights")] == [
        "float32",
        "int64",
        "string",
        "float32",
    ]


def test_a_batch_has_the_shapes_that_the_model_expects(prepared, batch):
    for each in prepared_data.read_model_inputs(prepared[1]).query_features:
        for name, spec in each.tensor_specs().items():
            assert spec.is_compatible_with(batch[name]), name


def test_candidates_bring_every_input_of_their_tower(prepared):
    data = prepared_data.read_prepared_data(prepared[1])
    corpus = next(iter(feeding.Feeder(data, 3).candidate_batches(9)))
    # By id: cup, mug, pan, pot.
    assert corpus["tags"].numpy().tolist() == [
        [b"tea", b""],
        [b"kitchen", b"tea"],
        [b"kitchen", b"iron"],
        [b"kitchen", b""],
    ]
    assert corpus["tags_weights"].numpy().tolist() == [[2.0, 0.0], [1.0, 3.0], [1.0, 1.0], [1.0, 0.0]]
    # 2022-11-20T09:30:00Z by `date -u -d 2022-11-20T09:30:00Z +%s`.
    assert corpus["released"].numpy()[[0, 3]].tolist() == [1_668_936_600_000_000, -1]
    assert corpus["goes_with"].numpy().tolist() == [b"mug", b"cup", b"", b"pan"]


def test_the_request_on_the_page_names_every_input(batch):
    request = json.loads(every_kind_log.blocks("json")[1])["instances"][0]
    assert set(request) == set(batch)
