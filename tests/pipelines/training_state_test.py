from pipelines import training_state


def _history(*recalls):
    return [{"validation": None if recall is None else {"recall_at_10": recall}} for recall in recalls]


def test_the_best_epoch_is_the_first_of_the_highest():
    assert training_state.best_epoch(_history(0.1, 0.3, 0.3, 0.2), "recall_at_10") == 2


def test_without_validation_the_last_epoch_is_kept_and_training_never_stops_early():
    assert training_state.best_epoch(_history(None, None), "recall_at_10") == 2
    assert not training_state.should_stop(_history(None, None, None), "recall_at_10", 1)


def test_training_stops_after_as_many_epochs_without_improvement_as_patience_says():
    assert not training_state.should_stop(_history(0.3, 0.2), "recall_at_10", 2)
    assert training_state.should_stop(_history(0.3, 0.2, 0.3), "recall_at_10", 2)


def test_patience_zero_never_stops():
    assert not training_state.should_stop(_history(0.3, 0.2, 0.1), "recall_at_10", 0)


def test_a_run_that_has_not_begun_does_not_stop():
    assert not training_state.should_stop([], "recall_at_10", 1)
