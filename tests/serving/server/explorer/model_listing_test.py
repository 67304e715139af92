import pytest
from tensorflow_serving.apis import model_pb2

from serving import errors, manifest
from serving.server import servable, version_status
from serving.server.explorer import model_listing
from tests.serving.server.explorer import shelf_model


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("shelf") / "4"
    shelf_model.export(model_dir)
    loaded = servable.Servable.load("shop", 4, model_dir)
    yield loaded
    loaded.close()


def test_a_form_asks_for_the_query_first_then_features_then_restrictions(shelf):
    described = model_listing.describe(shelf)
    assert (described["name"], described["version"]) == ("shop", "4")
    assert (described["recommends"], described["neighbours"]) == ("serving_default", "similar_candidates")
    asked = described["signatures"]["serving_default"]
    assert [tuple(each.values()) for each in asked["inputs"]] == [
        ("query_id", "query_id", "text", False, False),
        ("history", "history", "text", True, True),
        ("age", "feature", "number", False, True),
        ("k", "k", "integer", False, True),
        ("filter_genre", "filter", "text", True, True),
    ]
    assert asked["outputs"] == ["candidate_ids", "scores", "valid"]
    # What TensorFlow adds to every SavedModel is nothing to ask for.
    assert set(described["signatures"]) == {"serving_default", "similar_candidates"}


def test_other_models_recommend_nothing_and_are_listed_with_their_signatures(playground_model):
    described = model_listing.describe(playground_model)
    assert (described["recommends"], described["neighbours"], described["description"]) == (None, None, None)
    assert described["signatures"]["two_inputs"] == {
        "inputs": [
            {"name": "a", "role": "feature", "kind": "number", "is_list": False, "may_be_left_out": False},
            {"name": "b", "role": "feature", "kind": "integer", "is_list": False, "may_be_left_out": False},
        ],
        "outputs": ["is_equal", "next", "product"],
    }


def test_an_export_is_described_by_its_manifest_as_long_as_its_folder_is_there(tmp_path, shelf):
    described = servable.Servable("shop", 4, None, shelf.signature_defs, tmp_path)
    manifest.write_manifest(tmp_path, {"k": 7, "max_k": 9, "source_sha256": "0" * 64})
    assert model_listing.describe(described)["description"] == {"k": 7, "max_k": 9}
    (tmp_path / "assets.extra" / "manifest.json").unlink()
    assert model_listing.describe(described)["description"] is None


class _Registry:
    """Two models, of which one has no version yet."""

    model_names = ["empty", "shop"]

    def statuses(self, model_spec: model_pb2.ModelSpec):
        if model_spec.name == "empty":
            raise errors.NotFoundError("Could not find any versions of model empty")
        failure = errors.DataLossError("cut off")
        return [
            version_status.VersionStatus(2, version_status.VersionState.LOADING, failure),
            version_status.VersionStatus(1, version_status.VersionState.AVAILABLE),
        ]


def test_versions_are_listed_with_state_and_what_went_wrong():
    assert model_listing.list_models(_Registry()) == [
        {"name": "empty", "versions": []},
        {
            "name": "shop",
            "versions": [
                {"version": "2", "state": "LOADING", "error": "cut off"},
                {"version": "1", "state": "AVAILABLE", "error": ""},
            ],
        },
    ]
