import math

import pytest

from pipelines.report import sentences


def _evaluation(model, popularity):
    return {"model": {"recall_at_10": model}, "popularity": {"recall_at_10": popularity}}


@pytest.mark.parametrize(
    ("model", "popularity", "expected"),
    [
        (0.15, 0.075, "Recall@10 is 15.0%, 2.00 times that of popularity (7.5%)."),
        (0.06, 0.08, "Recall@10 is 6.0%, 0.75 times that of popularity (8.0%): the model does not beat popularity."),
        (0.08, 0.08, "Recall@10 is 8.0%, 1.00 times that of popularity (8.0%): the model does not beat popularity."),
        (0.15, 0.0, "Recall@10 is 15.0%; recommending by popularity finds nothing."),
        (0.15, math.nan, "Recall@10 is 15.0%."),
        (math.nan, 0.1, None),
    ],
)
def test_the_headline_says_how_the_model_compares(model, popularity, expected):
    assert sentences.headline(_evaluation(model, popularity)) == expected


def test_the_question_says_what_was_left_out():
    evaluation = {"split": "test", "num_interactions": 1943, "num_candidates": 1682, "num_repeats_left_out": 12}
    assert sentences.question(evaluation) == (
        "For each of 1,943 held-out test interactions, all 1,682 candidates were ranked, without those the query had "
        "chosen before. 12 repeats of earlier choices were left out."
    )


def test_the_question_says_when_each_query_was_asked_once():
    evaluation = {
        "split": "test",
        "ask_per": "query",
        "num_queries": 986,
        "num_interactions": 57121,
        "num_candidates": 3126,
        "num_repeats_left_out": 0,
    }
    assert sentences.question(evaluation) == (
        "For each of 986 queries, all 3,126 candidates were ranked once, without those it had chosen in earlier "
        "splits, and held against what it chose in 57,121 held-out test interactions."
    )


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([], None),
        (["other_model"], "Trained on other data than this, so perhaps fitted on what is asked: B."),
        (
            ["model", "other_model"],
            "Trained on other data than this, so perhaps fitted on what is asked: A and B. The frequency estimate "
            "counted another stream than this data, so its calibration is not shown.",
        ),
    ],
)
def test_models_of_other_data_are_named(found, sentence):
    names = {"model": "A", "other_model": "B", "popularity": "C"}
    assert sentences.trained_on_other_data({"trained_on_other_data": found}, names) == sentence


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        (0.70, "favors popular candidates more than queries themselves do: 70.0% of"),
        (0.20, "favors popular candidates less than queries themselves do: 20.0% of"),
        (0.405, "favors popular candidates about as much as queries themselves do: 40.5% of"),
    ],
)
def test_popularity_bias_is_read_against_the_held_out_truth(model, verdict):
    sentence = sentences.popularity_bias([model], [1.0], [0.4])
    assert verdict in sentence
    assert sentence.endswith("and 40.0% of the held-out interactions. Recommending by popularity puts 100.0% there.")


def test_popularity_bias_without_numbers_says_nothing():
    assert sentences.popularity_bias([math.nan], None, [0.4]) is None


def test_training_says_which_epoch_was_kept_and_why():
    history = [{"validation": {"recall_at_10": 0.1}}, {"validation": {"recall_at_10": 0.2}}]
    training = {"history": history, "best_epoch": 2, "seconds": 6.25}
    kept = "Trained for 2 epochs in 6.2 s; the towers of epoch 2 were kept"
    assert sentences.training_summary(training, "recall_at_10") == f"{kept}, which had the best validation recall@10."
    assert sentences.training_summary(training, None) == f"{kept}."


def test_training_without_validation_says_so():
    training = {"history": [{"validation": None}], "best_epoch": 1}
    assert sentences.training_summary(training, "recall_at_10") == (
        "Trained for 1 epoch without validation; the towers of epoch 1 were kept."
    )


@pytest.mark.parametrize(
    ("serving", "expected"),
    [
        ({}, None),
        ({"rest_milliseconds": 3.0}, "Answered over REST in 3.0 ms."),
        (
            {"rest_milliseconds": 3.0, "grpc_milliseconds": 1.0, "rest_and_grpc_agree": False},
            "Answered over REST in 3.0 ms and over gRPC in 1.0 ms; the two answers differ.",
        ),
    ],
)
def test_serving_says_how_fast_it_was_and_whether_both_protocols_agree(serving, expected):
    assert sentences.serving_summary(serving) == expected
