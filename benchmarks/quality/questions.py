"""What is asked of a split: the protocol's questions, and those that are reported apart beside them."""

import dataclasses

import numpy as np

from benchmarks.quality.datasets import Dataset
from pipelines import offline_evaluation, prepared_data

# The figures of these questions are those of the data set.
MAIN = "main"


def questions_of(
    dataset: Dataset, data: prepared_data.PreparedData, split: str
) -> dict[str, offline_evaluation.Questions]:
    """Returns the questions by name, those of the protocol first, as `main`.

    `ties_as_in_file` asks each interaction with all that stands before it in the file, where `main` leaves out what
    is simultaneous. `again` asks queries for what they chose before, where `main` asks for what is new to them.
    """
    if dataset.ask_per == "interaction":
        main = offline_evaluation.held_out(data, split)
        return {MAIN: main, "ties_as_in_file": with_ties_as_in_file(main, data, split)}
    asked = {MAIN: offline_evaluation.held_out_queries(data, split)}
    if dataset.asks_again:
        asked["again"] = offline_evaluation.held_out_queries(data, split, asks_again=True)
    return asked


def with_ties_as_in_file(
    questions: offline_evaluation.HeldOut, data: prepared_data.PreparedData, split: str
) -> offline_evaluation.HeldOut:
    """Returns the same questions with histories of all that stands before them, simultaneous interactions too.

    Where the last interactions of each query are held out one by one, that is all of the earlier splits.
    """
    examples = questions.examples
    seen_queries, _ = data.seen_before(split)
    num_before = np.bincount(seen_queries, minlength=data.queries.num_rows)[examples.query_rows]
    history_end = (examples.history_begin + num_before).astype(examples.history_end.dtype)
    return dataclasses.replace(questions, examples=dataclasses.replace(examples, history_end=history_end))
