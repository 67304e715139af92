"""How a model of one vocabulary becomes that of the next: known ids keep all that was learned of them."""

from tfrs_model.growth.carry_over import CarryOverError, carry_over
from tfrs_model.growth.row_origins import NEW_ROWS, RowOrigins
from tfrs_model.growth.vocabulary import (
    GrownVocabulary,
    GrowthPolicyError,
    VocabularyEntries,
    VocabularyPolicy,
    grow_vocabulary,
)

__all__ = [
    "NEW_ROWS",
    "CarryOverError",
    "GrownVocabulary",
    "GrowthPolicyError",
    "RowOrigins",
    "VocabularyEntries",
    "VocabularyPolicy",
    "carry_over",
    "grow_vocabulary",
]
