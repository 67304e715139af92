"""What a model has to beat: counts, item-to-item weights, factorisations and a softmax with a free output matrix.

Each baseline is a frozen dataclass of its parameters whose `fit(interactions)` returns a `Scorer`, and a scorer answers
queries as they stand at the moment they ask. Nothing here knows a split: what is fitted is what is given.
"""
