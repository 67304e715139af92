import pytest

from pipelines import evaluate, model_directory, train, training_config
from tests.pipelines import conftest


def _job(line, model_dir, options):
    training = training_config.training_config({**conftest.TRAINING_OPTIONS, **options})
    return train.TrainJobConfig(line.prepared_dir, str(model_dir), training)


def test_validation_may_ask_once_per_query_and_watch_what_papers_report(line, tmp_path):
    options = {"ask_per": "query", "early_stop_metric": "ndcg_at_20", "num_epochs": 3}
    result = train.run(_job(line, tmp_path / "model", options))
    values = [record["validation"]["ndcg_at_20"] for record in result.history]
    assert result.best_epoch == 1 + values.index(max(values))
    kept = evaluate.run(
        evaluate.EvaluateConfig(line.prepared_dir, str(tmp_path / "model"), split="validation", ask_per="query")
    )
    assert kept["model"]["ndcg_at_20"] == pytest.approx(max(values), rel=1e-6)
    with pytest.raises(model_directory.ModelDirectoryError, match="holds a run with other options"):
        train.run(_job(line, tmp_path / "model", {**options, "ask_per": "interaction"}))
