from pipelines.tuning import summary
from pipelines.tuning.trials import Trial

_TRIALS = [
    Trial(
        1, "finished", 0.2, {"dropout": 0.1, "use_query_id": True}, {"best_epoch": 4, "num_epochs": 6, "seconds": 3.5}
    ),
    Trial(2, "diverged", None, {"dropout": 0.25, "use_query_id": False}, {"reason": "The loss is inf."}),
    Trial(
        3,
        "finished",
        0.25,
        {"dropout": 0.123456, "use_query_id": True},
        {"best_epoch": 2, "num_epochs": 6, "seconds": 3},
    ),
]


def test_the_table_has_the_best_first_and_says_why_a_trial_failed():
    assert summary.as_markdown("recall_at_10", _TRIALS) == (
        "By recall_at_10 on validation.\n\n"
        "| trial | recall_at_10 | best epoch | epochs | seconds | outcome | dropout | use_query_id |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| 3 | 0.2500 | 2 | 6 | 3 | finished | 0.1235 | true |\n"
        "| 1 | 0.2000 | 4 | 6 | 3.5 | finished | 0.1 | true |\n"
        "| 2 |  |  |  |  | diverged | 0.25 | false |\n\n"
        "Trial 2: The loss is inf.\n"
    )


def test_the_object_names_split_metric_and_winner():
    made = summary.as_json("mrr", _TRIALS, _TRIALS[2], 1)
    assert (made["split"], made["metric"], made["best_trial"], made["num_interrupted"]) == ("validation", "mrr", 3, 1)
    assert made["trials"][1] == {
        "trial": 2,
        "outcome": "diverged",
        "mrr": None,
        "reason": "The loss is inf.",
        "options": {"dropout": 0.25, "use_query_id": False},
    }


def test_a_search_that_has_just_begun_has_a_summary_too():
    assert summary.as_json("mrr", [], None, 0)["best_trial"] is None
    assert "| trial | mrr |" in summary.as_markdown("mrr", [])
