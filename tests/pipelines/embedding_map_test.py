import types

import numpy as np
import pyarrow as pa
import pytest

from pipelines import embedding_map
from pipelines.report import html_report
from tests.pipelines.report import example_figures

_MEGABYTE = 1_000_000


def _data(titles, counts):
    corpus = pa.table({"candidate_id": pa.array(np.arange(len(counts))).cast(pa.string()), "title": titles})
    return types.SimpleNamespace(corpus=corpus, training_counts=lambda: counts)


def test_candidates_come_with_titles_counts_and_tenths_the_most_popular_first():
    counts = np.array([5, 50, 0, 20])
    embeddings = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 2.0]], np.float32)
    drawn = embedding_map.draw(_data(["Kolya", "Fargo", None, "Ran"], counts), embeddings)
    assert [each["candidate_id"] for each in drawn["points"]] == ["1", "3", "0", "2"]
    assert [each["title"] for each in drawn["points"]] == ["Fargo", "Ran", "Kolya", None]
    assert [each["num_interactions"] for each in drawn["points"]] == [50, 20, 5, 0]
    # Four candidates: the tenths begin at 0, 10/4, 20/4 and 30/4.
    assert [each["tenth"] for each in drawn["points"]] == [1, 3, 6, 8]
    # By hand: the sides of a rectangle, four fifths of whose variance is along the longer one.
    assert drawn["kept_variance"] == pytest.approx([0.8, 0.2])
    assert [abs(each["x"]) for each in drawn["points"]] == pytest.approx([2.0] * 4)
    assert drawn["points"][0]["x"] == -drawn["points"][2]["x"]
    assert drawn["num_candidates"] == 4


def test_of_many_candidates_a_sample_is_evenly_spaced_from_the_most_popular_to_the_least():
    counts = np.random.default_rng(0).permutation(10_001)
    rows = embedding_map.sample_rows(counts, 101)
    assert counts[rows].tolist() == list(range(10_000, -1, -100))


def test_few_candidates_are_all_shown():
    assert embedding_map.sample_rows(np.array([1, 3, 2, 3]), 4).tolist() == [1, 3, 2, 0]


def test_the_report_of_a_million_candidates_stays_under_five_megabytes():
    num_candidates = 1_000_000
    generator = np.random.default_rng(0)
    # The longest that a title can become: cut at 120 characters of four bytes, or of entities of five letters.
    # The longest that a title can become: cut at 120 characters of four bytes, or of entities of five letters.
    longest = ["\N{GRINNING FACE}" * 300, "&" * 300]
    titles = pa.DictionaryArray.from_arrays(np.arange(num_candidates) % 2, longest)
    data = _data(titles, generator.zipf(1.5, num_candidates) % 10_000)
    report = example_figures.full_report()
    report["embeddings"] = embedding_map.draw(data, generator.normal(size=[num_candidates, 8]).astype(np.float32))
    assert len(report["embeddings"]["points"]) == embedding_map.MAX_POINTS
    size = len(html_report.render_html_report(report).encode())
    assert _MEGABYTE < size < 5 * _MEGABYTE
