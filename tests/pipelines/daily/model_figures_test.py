import shutil

import numpy as np
import pytest
import tensorflow as tf

from pipelines import evaluate, model_directory, offline_evaluation, prepared_data
from pipelines.daily import model_figures


@pytest.fixture(scope="module")
def asked(line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    return data, offline_evaluation.require_questions(data, "validation", "interaction")


def test_the_recall_is_that_of_the_evaluation(line, asked):
    data, questions = asked
    name = model_directory.best_checkpoint_name(line.model_dir)
    found = model_figures.measure(line.model_dir, name, data, questions)
    evaluated = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, split="validation"))
    assert found.not_finite == {}
    assert found.recall.mean() == pytest.approx(evaluated["model"]["recall_at_20"])
    assert len(found.recall) == len(questions.examples)
    # The towers normalise.
    assert found.mean_candidate_length == pytest.approx(1.0, abs=1e-5)


def test_the_recall_of_popularity_is_that_of_the_evaluation(asked):
    data, questions = asked
    ranked = offline_evaluation.rank_by_popularity(questions, data.training_counts())
    expected = np.mean(ranked.target_ranks <= 20)
    assert model_figures.recall_of(ranked).mean() == pytest.approx(expected)


def test_a_model_with_a_weight_that_is_no_number_ranks_nothing(line, asked, tmp_path):
    data, questions = asked
    broken = tmp_path / "model"
    shutil.copytree(line.model_dir, broken)
    model = model_directory.restore_model(broken, model_directory.best_checkpoint_name(broken))
    weight = model.candidate_tower.weights[0]
    weight.assign(tf.fill(weight.shape, float("nan")))
    model_directory.towers_checkpoint(model).save(str(model_directory.ModelPaths(broken).best / "broken"))
    found = model_figures.measure(broken, "broken-1", data, questions)
    assert found.recall is None
    assert list(found.not_finite.values()) == [int(np.prod(weight.shape))]
