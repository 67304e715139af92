import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from pipelines import (
    evaluate,
    feeding,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
    served_answers,
    train,
    training_config,
)
from tests.pipelines import conftest, prepared_tables


def test_the_planted_model_beats_popularity(line, tmp_path):
    result = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(tmp_path / "e" / "test.json")))
    assert result["model"]["recall_at_10"] > 2 * result["popularity"]["recall_at_10"]
    assert json.loads((tmp_path / "e" / "test.json").read_text())["num_interactions"] == 160


def test_the_figures_are_those_of_a_full_sort(line):
    result = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, split="validation"))
    data = prepared_data.read_prepared_data(line.prepared_dir)
    history_length = model_directory.read_description(line.model_dir).config.history_length
    embedder = offline_evaluation.Embedder(
        model_directory.restore_model(line.model_dir, model_directory.best_checkpoint_name(line.model_dir)),
        feeding.Feeder(data, history_length),
    )
    examples = data.examples("validation")
    scores = embedder.queries(examples) @ embedder.corpus().T
    train = data.examples("train")
    ranks = []
    for row, (query, target) in enumerate(zip(examples.query_rows, examples.candidate_rows, strict=True)):
        seen = set(train.candidate_rows[train.query_rows == query].tolist())
        order = [each for each in np.argsort(-scores[row], kind="stable") if each not in seen]
        ranks.append(1 + order.index(target))
    assert result["model"]["recall_at_10"] == pytest.approx(np.mean(np.array(ranks) <= 10))
    assert result["model"]["mrr"] == pytest.approx(np.mean(1 / np.array(ranks)), rel=1e-6)


def test_an_evaluation_that_is_there_is_not_made_again(line, tmp_path):
    config = evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(tmp_path / "test.json"))
    first, again = evaluate.run(config), evaluate.run(config)
    assert (first["reused"], again["reused"]) == (False, True)
    assert again["model"] == first["model"]
    other = evaluate.run(dataclasses.replace(config, split="validation"))
    assert not other["reused"]


def test_an_evaluation_that_holds_more_than_is_asked_is_another_one(line, tmp_path, monkeypatch):
    monkeypatch.setattr(served_answers, "index_loss", lambda *arguments: {"recall_at_10": 0.0})
    alone = evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(tmp_path / "test.json"))
    version_dir = str(pathlib.Path(line.export_dir) / "1")
    more = dataclasses.replace(alone, other_model_dir=line.model_dir, version_dir=version_dir)
    assert {"other_model", "index"} <= evaluate.run(more).keys()
    again = evaluate.run(alone)
    assert not again["reused"]
    assert not {"other_model", "index"} & again.keys()
    assert "other_model" not in json.loads((tmp_path / "test.json").read_text())["differences"]


def test_a_model_that_was_trained_on_other_data_is_named_and_warned_of(line, tmp_path, caplog):
    shutil.copytree(line.prepared_dir, tmp_path / "newer")
    manifest = tmp_path / "newer" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "configuration": "another"}))
    config = evaluate.EvaluateConfig(str(tmp_path / "newer"), line.model_dir, str(tmp_path / "test.json"))
    assert evaluate.run(config)["trained_on_other_data"] == ["model"]
    assert f"{line.model_dir} was trained on other data than" in caplog.text
    assert json.loads((tmp_path / "test.json").read_text())["trained_on_other_data"] == ["model"]


def test_a_model_of_another_schema_is_refused(line, tmp_path):
    rows = [("p", "a", 1, "train", 0), ("p", "b", 2, "test", 1)]
    other = prepared_tables.write(tmp_path / "other", rows, ["a", "b"])
    with pytest.raises(model_directory.ModelDirectoryError, match="was trained with another schema than that of"):
        evaluate.run(evaluate.EvaluateConfig(other, line.model_dir))


def test_changed_code_is_evaluated_again(line, tmp_path, monkeypatch):
    config = evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(tmp_path / "test.json"))
    evaluate.run(config)
    monkeypatch.setattr(evaluate.source_digest, "source_sha256", lambda *paths: "other code")
    assert not evaluate.run(config)["reused"]


def test_a_file_that_is_no_evaluation_is_not_overwritten(line, tmp_path):
    path = tmp_path / "manifest.json"
    for content in ("[]", '{"format_version": 1}'):
        path.write_text(content)
        with pytest.raises(job.ConfigError, match="holds something else than an evaluation; name another file"):
            evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(path)))
        assert path.read_text() == content


def test_who_counts_looks_at_a_split_is_told_before_each(line, tmp_path):
    looks = []
    config = evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(tmp_path / "test.json"))
    for _ in range(2):
        evaluate.run(config, before_asking=lambda: looks.append((tmp_path / "test.json").exists()))
    assert looks == [False]


def test_asked_per_query_the_figures_are_means_over_queries_of_a_full_sort(line):
    result = evaluate.run(
        evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, split="validation", ask_per="query")
    )
    data = prepared_data.read_prepared_data(line.prepared_dir)
    description = model_directory.read_description(line.model_dir)
    model = model_directory.restore_model(line.model_dir, model_directory.best_checkpoint_name(line.model_dir))
    embedder = offline_evaluation.Embedder(model, feeding.Feeder(data, description.config.history_length))
    train, asked = data.examples("train"), data.examples("validation")
    # Held out is each query's last but one, so what it sees is its whole training part either way.
    scores = embedder.queries(asked) @ embedder.corpus().T
    recalls, gains = [], []
    for row, query in enumerate(asked.query_rows):
        seen = set(train.candidate_rows[train.query_rows == query].tolist())
        rank = 1 + [each for each in np.argsort(-scores[row]) if each not in seen].index(asked.candidate_rows[row])
        recalls.append(rank <= 20)
        gains.append(1 / np.log2(1 + rank) if rank <= 20 else 0.0)
    assert result["num_queries"] == len(asked) == len(set(asked.query_rows.tolist()))
    assert result["model"]["recall_at_20"] == pytest.approx(np.mean(recalls))
    assert result["model"]["ndcg_at_20"] == pytest.approx(np.mean(gains))


def test_an_evaluation_asked_another_way_is_another_one(line, tmp_path):
    config = evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, str(tmp_path / "test.json"))
    assert evaluate.run(config)["ask_per"] == "interaction"
    per_query = dataclasses.replace(config, ask_per="query")
    assert not evaluate.run(per_query)["reused"]
    assert json.loads((tmp_path / "test.json").read_text())["ask_per"] == "query"
    assert evaluate.run(per_query)["reused"]


def test_a_way_to_ask_that_does_not_exist_is_refused():
    with pytest.raises(job.ConfigError, match="--ask_per must be one of interaction, query, but is 'user'"):
        evaluate.EvaluateConfig("prepared", "model", ask_per="user")


def test_two_models_answer_the_same_questions(line, tmp_path):
    other = str(tmp_path / "other")
    options = {**conftest.TRAINING_OPTIONS, "num_epochs": 1, "seed": 5}
    train.run(train.TrainJobConfig(line.prepared_dir, other, training_config.training_config(options)))
    result = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, other_model_dir=other))
    alone = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, other))
    assert result["other_model"] == alone["model"]
    difference = result["differences"]["other_model"]["recall_at_10"]
    assert difference["mean"] == pytest.approx(result["model"]["recall_at_10"] - alone["model"]["recall_at_10"])
    assert difference["low"] <= difference["mean"] <= difference["high"]
    assert set(result["differences"]) == {"popularity", "other_model"}


def test_figures_come_with_intervals_and_by_slice(line):
    result = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, slice_columns=("parity", "price")))
    low, high = result["intervals"]["model"]["recall_at_10"]
    assert low < result["model"]["recall_at_10"] < high
    for name in ("model", "popularity"):
        counts = {each["group"]: each["count"] for each in result["slices"][name] if each["grouping"] == "parity"}
        assert counts == {"even": 80, "odd": 80}
    assert result["trained_on_other_data"] == []
    # What is not known is no number in JSON.
    json.dumps(result, allow_nan=False)


def test_the_checkpoint_that_is_named_is_the_one_that_answers(line, monkeypatch):
    asked = []
    ask = model_directory.best_checkpoint_name

    def best_checkpoint_name(model_dir):
        # A training that ends an epoch meanwhile makes another one the best.
        asked.append(ask(model_dir))
        return asked[-1] if len(asked) == 1 else "made meanwhile"

    monkeypatch.setattr(model_directory, "best_checkpoint_name", best_checkpoint_name)
    result = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir))
    assert [result["best_checkpoint"]] == asked
