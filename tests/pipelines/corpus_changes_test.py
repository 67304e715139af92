from pipelines import corpus_changes


def test_the_changes_are_counted_by_hand():
    changes = corpus_changes.CorpusChanges.between({"a", "b", "c"}, {"b", "c", "d", "e"}, {"a", "b", "d"})
    # New: d and e. Kept: b and c. Removed: a. The model does not know c and e.
    assert changes == corpus_changes.CorpusChanges(4, num_new=2, num_kept=2, num_removed=1, num_outside_vocabulary=2)
