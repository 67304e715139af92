import pathlib

import numpy as np
import pytest

from serving import bulk_retrieval, manifest
from tests import archives
from tests.serving import small_recommender

_PUBLISHED = pathlib.Path(__file__).parents[1] / "pipelines" / "published_exports"


@pytest.fixture(scope="module", params=["brute_force", "scann", "partitioned"])
def exported(tmp_path_factory, request):
    path = tmp_path_factory.mktemp("bulk") / "1"
    made = small_recommender.export(request.param, path)
    manifest.write_manifest(path, {"index": f"{request.param}_index", "k": 5, "max_k": 30})
    return made, bulk_retrieval.BulkRetrieval(path)


def test_rows_have_the_ids_and_scores_that_a_full_sort_gives_them(exported):
    made, export = exported
    queries = np.random.default_rng(0).standard_normal([4, 8]).astype(np.float32)
    rows, scores = export.find(queries, 7, {})
    for query, mine, found in zip(queries, rows, scores, strict=True):
        exact = made.corpus @ query
        assert [export.candidate_ids[row].decode() for row in mine] == small_recommender.rank(exact, 7)
        np.testing.assert_allclose(found, np.sort(exact)[::-1][:7], rtol=1e-5)


def test_each_restriction_reaches_its_own_input(exported):
    _, export = exported
    query = np.ones([1, 8], np.float32)
    allowed = {
        "filter_genre": ("war", lambda i: small_recommender.GENRES[i] == "war"),
        "filter_list": ("b", lambda i: "b" in small_recommender.LISTS[i]),
        "allow_candidate_ids": ("c4", lambda i: i == 4),
        "exclude_candidate_ids": ("c4", lambda i: i != 4),
    }
    assert set(export.restricting) == set(allowed)
    for name, (text, passes) in allowed.items():
        rows, _ = export.find(query, 30, {name: np.array([[text]])})
        found = {export.candidate_ids[row].decode() for row in rows[0] if row >= 0}
        assert found == {each for i, each in enumerate(small_recommender.IDS) if passes(i)}, name


def test_queries_are_embedded_by_the_tower_and_known_ones_by_the_table(exported):
    made, export = exported
    inputs = small_recommender.tensors(small_recommender.QUERIES)
    expected = made.model.query_tower(inputs, training=False).numpy()
    embeddings = export.embed(inputs).numpy()
    np.testing.assert_allclose(embeddings[1:], expected[1:], atol=1e-5)
    np.testing.assert_array_equal(embeddings[0], np.eye(8)[0])


def test_an_export_of_before_is_refused_with_the_remedy(tmp_path):
    archives.unpack(_PUBLISHED / "format2_brute_force.tar.xz", tmp_path)
    (version_dir,) = {path.parent for path in tmp_path.rglob("saved_model.pb")}
    with pytest.raises(bulk_retrieval.BulkRetrievalError, match="answers single requests only; export the model again"):
        bulk_retrieval.BulkRetrieval(version_dir)


def test_a_folder_without_ids_is_refused(tmp_path):
    with pytest.raises(
        bulk_retrieval.BulkRetrievalError, match="holds no candidate ids that can be read; export again"
    ):
        bulk_retrieval.candidate_ids(tmp_path)
