import dataclasses

import numpy as np
import pytest

from pipelines import artifacts, feeding, model_directory, offline_evaluation, prepared_data, similarity_of_towers


@pytest.fixture(scope="module")
def asked(line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    return data, offline_evaluation.held_out(data, "validation")


@pytest.fixture(scope="module")
def embeddings(line, asked):
    return similarity_of_towers.read_embeddings(line.model_dir, *asked)


def test_embeddings_are_those_before_their_lengths_were_divided_away(line, asked, embeddings):
    data, _ = asked
    assert embeddings.similarity == "cosine"
    lengths = np.linalg.norm(embeddings.corpus, axis=1)
    assert lengths.std() > 0.01 * lengths.mean()
    trained = model_directory.restore_model(line.model_dir, model_directory.best_checkpoint_name(line.model_dir))
    feeder = feeding.Feeder.for_model(data, model_directory.read_description(line.model_dir).config)
    served = offline_evaluation.Embedder(trained, feeder).corpus()
    np.testing.assert_allclose(embeddings.corpus / lengths[:, np.newaxis], served, atol=1e-5)


def test_a_model_trained_on_cosine_has_its_own_recall_by_cosine(line, asked, embeddings):
    data, questions = asked
    found = similarity_of_towers.analyze(embeddings, [], questions, data.training_counts())
    history = artifacts.read_json(model_directory.ModelPaths(line.model_dir).history)
    record = max(each["validation"]["recall_at_10"] for each in history)
    assert found["recall_at_10"]["cosine"] == pytest.approx(record, abs=1e-6)


def test_scales_keep_every_answer_by_dot_product_and_lose_some_by_cosine(asked, embeddings):
    data, questions = asked
    found = similarity_of_towers.analyze(embeddings, [], questions, data.training_counts())["under_random_scales"]
    assert found["dot_top_10_overlap"] > 0.999
    assert found["cosine_top_10_overlap"] < 0.95
    assert found["neighbour_overlap"] < 0.95


def test_a_model_shares_all_neighbours_with_itself_and_few_with_noise(asked, embeddings):
    data, questions = asked
    noise = np.random.default_rng(0).normal(size=embeddings.corpus.shape).astype(np.float32)
    twin = dataclasses.replace(embeddings, name="twin")
    other = dataclasses.replace(embeddings, name="noise", corpus=noise)
    found = similarity_of_towers.analyze(embeddings, [twin, other], questions, data.training_counts())
    overlaps = found["neighbour_overlap_with"]
    assert overlaps["twin (cosine, seed 0)"] == 1.0
    # 10 of about 80 at random.
    assert overlaps["noise (cosine, seed 0)"] < 0.25


def test_with_embeddings_of_one_length_dot_product_and_cosine_rank_alike(asked, embeddings):
    data, questions = asked
    unit = embeddings.corpus / np.linalg.norm(embeddings.corpus, axis=1, keepdims=True)
    found = similarity_of_towers.analyze(
        dataclasses.replace(embeddings, corpus=unit), [], questions, data.training_counts()
    )
    assert found["dot_and_cosine"]["top_10_overlap"] > 0.999
    assert found["dot_and_cosine"]["mean_rank_correlation"] > 0.999
