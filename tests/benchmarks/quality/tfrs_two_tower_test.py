import numpy as np
import pytest
import tensorflow as tf

from benchmarks.quality import tfrs_two_tower
from pipelines import prepare_data, prepared_data
from tests import planted_log
from tests.pipelines import conftest

_OPTIONS = tfrs_two_tower.TutorialOptions(embedding_dim=8, batch_size=128, num_epochs=12, learning_rate=0.5)


def test_the_loss_is_the_softmax_over_the_batch_corrected_by_counted_probabilities():
    options = tfrs_two_tower.TutorialOptions(embedding_dim=2, temperature=0.5)
    probability = np.array([0.5, 0.125, 0.375])
    model = tfrs_two_tower.TutorialModel(2, probability, options)
    queries, candidates = tf.constant([0, 1]), tf.constant([0, 1])
    model.compute_loss((queries, candidates), training=True)
    model._query_embedding.set_weights([np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)])
    model._candidate_embedding.set_weights([np.array([[0.5, 0.0], [0.25, 1.0], [0.0, 0.0]], np.float32)])
    loss = model.compute_loss((queries, candidates), training=True)
    # By hand: scores [[.5, .25], [0, 1]] over the temperature are [[1, .5], [0, 2]]; dividing e to them by the
    # probabilities [.5, .125] gives the odds of each row.
    odds = np.exp([[1.0, 0.5], [0.0, 2.0]]) / [0.5, 0.125]
    expected = -np.sum(np.log(np.diag(odds) / odds.sum(axis=1)))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    prepare_data.run(conftest.prepare_config(planted_log.write(folder / "raw"), folder / "prepared"))
    return prepared_data.read_prepared_data(folder / "prepared")


def test_it_finds_a_planted_truth_and_the_same_seed_finds_the_same(data):
    queries, corpus, best = tfrs_two_tower.fit(data, 1, _OPTIONS)
    assert (queries.shape, corpus.shape) == ((data.queries.num_rows, 8), (data.corpus.num_rows, 8))
    # Of 80 candidates a random order finds 10 / 80 and less than that of what is left; popularity about .3.
    assert best > 0.3
    again, _, _ = tfrs_two_tower.fit(data, 1, _OPTIONS)
    np.testing.assert_array_equal(queries, again)
