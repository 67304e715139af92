"""What a candidate table changes in the corpus that an export serves."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class CorpusChanges:
    """How many candidates came, went and stayed.

    Attributes:
      num_candidates: in the new corpus.
      num_new: of them, those that were not served before.
      num_kept: of them, those that were; a kept candidate whose features are the same has the same embedding.
      num_removed: candidates that were served before and are not any more.
      num_outside_vocabulary: of the new corpus, those whose ids the model was not trained on. The id says nothing
        of them, so they are embedded from their features, and without features all alike.
    """

    num_candidates: int
    num_new: int
    num_kept: int
    num_removed: int
    num_outside_vocabulary: int

    @classmethod
    def between(cls, before: set[str], after: set[str], vocabulary: set[str]) -> "CorpusChanges":
        """Returns the changes from one set of candidate ids to another, given those that the model knows."""
        return cls(
            num_candidates=len(after),
            num_new=len(after - before),
            num_kept=len(after & before),
            num_removed=len(before - after),
            num_outside_vocabulary=len(after - vocabulary),
        )
