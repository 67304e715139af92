"""How much a model server answers: beside bare servers of the same libraries, over a large index, and in batches."""
