"""Indexes that find the best candidates for a query embedding inside the served graph."""
