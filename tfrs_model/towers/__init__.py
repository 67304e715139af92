"""The two encoders: raw query features and raw candidate features to vectors whose inner product is the score."""

from tfrs_model.towers.candidate_tower import CandidateTower
from tfrs_model.towers.query_tower import QueryTower

__all__ = ["CandidateTower", "QueryTower"]
