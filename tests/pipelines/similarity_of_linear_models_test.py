import pytest

from pipelines import offline_evaluation, prepared_data, similarity_of_linear_models


@pytest.fixture(scope="module")
def data(line):
    return prepared_data.read_prepared_data(line.prepared_dir)


def test_every_remedy_finds_the_planted_groups(data, monkeypatch):
    monkeypatch.setattr(similarity_of_linear_models, "_NUM_EPOCHS", (40,))
    monkeypatch.setattr(
        similarity_of_linear_models, "_TEMPERATURES", {"dot": (1.0,), "cosine": (0.2,), "layer_norm": (8.0,)}
    )
    questions, steps = offline_evaluation.held_out(data, "validation"), []
    found = similarity_of_linear_models.analyze(data, questions, lambda: steps.append(1))
    assert len(steps) == similarity_of_linear_models.NUM_STEPS == len(found)
    popularity = questions.accuracy(offline_evaluation.rank_by_popularity(questions, data.training_counts()))
    own = {
        each["remedy"]: each["recall_at_10_by_cosine" if "cosine" in each["remedy"] else "recall_at_10_by_dot"]
        for each in found
    }
    assert len(own) == 8
    assert own["objective 1"] > 2 * popularity["recall_at_10"]
    assert own["objective 2"] > 2 * popularity["recall_at_10"]
    assert own["softmax trained on cosine"] > 2 * popularity["recall_at_10"]
