"""Where extra negatives come from: uniform and hard draws from the corpus, and a bank of past candidates.

A source answers with corpus rows or embeddings, and with how often it is expected
to bring each candidate, so that the logQ correction can take it in.
"""

from tfrs_model.negatives.bank import CandidateBank, CandidateBankError
from tfrs_model.negatives.corpus import Corpus
from tfrs_model.negatives.corpus_hard import CandidatePool, CorpusHardNegatives
from tfrs_model.negatives.per_row import RowNegatives
from tfrs_model.negatives.pool import NegativePool
from tfrs_model.negatives.uniform import UniformNegatives

__all__ = [
    "CandidateBank",
    "CandidateBankError",
    "CandidatePool",
    "Corpus",
    "CorpusHardNegatives",
    "NegativePool",
    "RowNegatives",
    "UniformNegatives",
]
