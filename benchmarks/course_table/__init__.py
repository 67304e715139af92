"""Weighted matrix factorisation against the softmax DNN, row by row of a table, each measured."""
