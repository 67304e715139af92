import numpy as np
import pytest

from pipelines import encoding, model_directory, offline_evaluation, prepared_data


@pytest.fixture(scope="module")
def asked(line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    name = model_directory.best_checkpoint_name(line.model_dir)
    return data, offline_evaluation.Embedder.of_directory(line.model_dir, name, data)


def test_questions_and_corpus_are_those_of_the_embedder_and_each_row_is_told_of(asked, capsys):
    data, embedder = asked
    examples = data.examples("test")
    queries, corpus = encoding.encode(embedder, data, examples)
    np.testing.assert_array_equal(queries, embedder.queries(examples))
    np.testing.assert_array_equal(corpus, embedder.corpus())
    number = len(examples) + data.corpus.num_rows
    assert f"Encoding: 100%|██████████| {number}/{number}" in capsys.readouterr().err


def test_an_embedder_tells_of_its_batches(asked, monkeypatch):
    _, embedder = asked
    monkeypatch.setattr(offline_evaluation, "_EMBEDDING_BATCH_SIZE", 16)
    done = []
    corpus = embedder.corpus(done.append)
    assert sum(done) == len(corpus)
    assert set(done[:-1]) == {16}
