import dataclasses
import functools
import json
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import job, recommend
from pipelines.bulk import query_sources, shards
from serving import saved_model
from tests.pipelines import bulk_export
from tests.serving import small_recommender

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def version_dir(tmp_path_factory):
    return bulk_export.write(tmp_path_factory.mktemp("served") / "7")


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """Loading takes seconds, and what is loaded keeps nothing of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "load_saved_model", functools.cache(saved_model.load_saved_model))
        yield


@pytest.fixture
def config(version_dir, tmp_path):
    queries = bulk_export.write_queries(tmp_path / "queries.parquet")
    return recommend.RecommendConfig(
        str(version_dir), str(tmp_path / "answers"), query_files=str(queries), num_shards=3, batch_size=9
    )


def _answers(config):
    return bulk_export.answers(pathlib.Path(config.answers_dir))


@pytest.mark.parametrize("exclude_history", [True, False])
@pytest.mark.parametrize("k", [1, 5, 30])
def test_every_query_is_answered_in_order_with_the_best_that_it_does_not_exclude(config, k, exclude_history):
    config = dataclasses.replace(config, num_answers=k, exclude_history=exclude_history)
    summary = recommend.run(config)
    written, expected = _answers(config), bulk_export.expected(k, exclude_history)
    assert [row["query_id"] for row in written] == bulk_export.QUERIES["query_id"]
    assert [row["candidate_ids"] for row in written] == expected
    lengths = [len(each) for each in expected]
    assert (summary["queries"], summary["answers"]) == (64, sum(lengths))
    assert summary["short"] == sum(each < k for each in lengths)
    # One query excludes everything.
    assert summary["unanswered"] == lengths.count(0) == 1


def test_scores_are_those_of_the_towers_and_descend(config):
    recommend.run(config)
    by_id = [dict(zip(small_recommender.IDS, row, strict=True)) for row in bulk_export.scores()]
    for row, scores in zip(_answers(config), by_id, strict=True):
        np.testing.assert_allclose(row["scores"], [scores[each] for each in row["candidate_ids"]], rtol=1e-4, atol=1e-5)
        assert row["scores"] == sorted(row["scores"], reverse=True)


@pytest.mark.drill
@pytest.mark.parametrize("kind", ["scann", "partitioned"])
def test_approximate_indexes_are_asked_too(config, tmp_path, kind):
    config = dataclasses.replace(config, version_dir=str(bulk_export.write(tmp_path / "8", kind)))
    recommend.run(config)
    # Of 30 candidates both score all.
    assert [row["candidate_ids"] for row in _answers(config)] == bulk_export.expected(5, True)


def test_the_served_signature_answers_the_same(config, version_dir):
    recommend.run(dataclasses.replace(config, exclude_history=False))
    serve = saved_model.load_saved_model(version_dir)["serving_default"]
    inputs = {name: values[1:2] for name, values in bulk_export.QUERIES.items()}
    answer = serve(**small_recommender.tensors(inputs))
    row = _answers(dataclasses.replace(config))[1]
    assert small_recommender.ids_of(answer) == [row["candidate_ids"]]


def test_pairs_of_a_file_are_excluded_whichever_query_comes_twice(config, tmp_path):
    pairs = [("u1", "c3"), ("stranger-2", "c4"), ("u1", "c9"), ("nobody", "c5"), ("u2", "never served")]
    ids, candidates = zip(*pairs, strict=True)
    pq.write_table(pa.table({"query_id": ids, "candidate_id": candidates}), tmp_path / "pairs.parquet")
    recommend.run(dataclasses.replace(config, exclusion_files=str(tmp_path / "pairs.parquet"), num_answers=30))
    plain = bulk_export.expected(30, True)
    excluded = {"u1": {"c3", "c9"}, "stranger-2": {"c4"}}
    assert [row["candidate_ids"] for row in _answers(config)] == [
        [each for each in answer if each not in excluded.get(query_id, ())]
        for query_id, answer in zip(bulk_export.QUERIES["query_id"], plain, strict=True)
    ]


def test_filters_of_a_column_hold(config, tmp_path):
    queries = bulk_export.write_queries(tmp_path / "q.parquet", filter_genre=[["drama"], []] * 32)
    recommend.run(dataclasses.replace(config, query_files=str(queries), num_answers=30))
    drama = {f"c{i}" for i in range(0, 30, 3)}
    assert [row["candidate_ids"] for row in _answers(config)] == [
        [each for each in answer if i % 2 or each in drama] for i, answer in enumerate(bulk_export.expected(30, True))
    ]


def test_several_files_are_one_list_of_queries(config, tmp_path):
    bulk_export.write_queries(tmp_path / "part-0.parquet", 0, 23)
    bulk_export.write_queries(tmp_path / "part-1.parquet", 23)
    recommend.run(dataclasses.replace(config, query_files=str(tmp_path / "part-*.parquet")))
    assert [row["candidate_ids"] for row in _answers(config)] == bulk_export.expected(5, True)


def test_a_rerun_keeps_what_is_finished_and_makes_what_is_missing(config):
    recommend.run(config)
    files = sorted(pathlib.Path(config.answers_dir).glob("shard-*"))
    before = [path.read_bytes() for path in files]
    assert [path.name for path in files] == [f"shard-0000{i}-of-00003.parquet" for i in range(3)]
    files[0].unlink()
    files[1].write_bytes(before[1][:-20])
    summary = recommend.run(config)
    assert (summary["shards_written"], summary["shards_kept"], summary["queries"]) == (2, 1, 64)
    assert [path.read_bytes() for path in files] == before


def test_shards_made_apart_are_those_made_together(config, tmp_path):
    recommend.run(config)
    apart = dataclasses.replace(config, answers_dir=str(tmp_path / "apart"))
    assert recommend.run(dataclasses.replace(apart, shards=(2,)))["queries"] == 64 - 64 * 2 // 3
    assert len(list(pathlib.Path(apart.answers_dir).glob("shard-*"))) == 1
    recommend.run(dataclasses.replace(apart, shards=(0, 1)))
    for path in pathlib.Path(config.answers_dir).iterdir():
        assert (pathlib.Path(apart.answers_dir) / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("changes", [{"num_answers": 4}, {"num_shards": 4}, {"exclude_history": False}])
def test_a_folder_of_another_configuration_is_refused_and_stays(config, changes):
    recommend.run(config)
    before = {path.name: path.read_bytes() for path in pathlib.Path(config.answers_dir).iterdir()}
    with pytest.raises(
        shards.ShardError, match=r"holds answers of another configuration: its .* Name another --answers"
    ):
        recommend.run(dataclasses.replace(config, **changes))
    assert {path.name: path.read_bytes() for path in pathlib.Path(config.answers_dir).iterdir()} == before


def test_other_queries_are_another_configuration(config, tmp_path):
    recommend.run(config)
    bulk_export.write_queries(tmp_path / "queries.parquet", motto=None)
    with pytest.raises(shards.ShardError, match="of another configuration: its queries_sha256 is '"):
        recommend.run(config)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": ["red"] * 64}, "have a column 'colour', which is no input of the export; its inputs are age, "),
        ({"query_id": None}, "has no column 'query_id', by which answers are told apart"),
        ({"query_id": [None, *"a" * 63]}, "Every query needs an id, but 1 have none"),
        ({"age": ["old"] * 64}, "Column 'age' of the queries must be float, but is string"),
        ({"history": [["c1", None]] * 64}, "Lists of column 'history' of the queries must hold no nulls"),
    ],
)
def test_queries_that_the_export_cannot_take_are_refused(config, tmp_path, changes, sentence):
    bulk_export.write_queries(tmp_path / "queries.parquet", **changes)
    with pytest.raises(query_sources.QuerySourceError, match=sentence):
        recommend.run(config)
    assert not list(pathlib.Path(config.answers_dir).glob("shard-*"))


def test_more_than_the_export_allows_is_refused(config):
    with pytest.raises(job.ConfigError, match="--num_answers must be at most 30, the --max_k of the export, but is 31"):
        recommend.run(dataclasses.replace(config, num_answers=31))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"answers_dir": ""}, "--answers_dir must name a directory, but is empty"),
        ({"prepared_dir": "both"}, "One of --prepared_dir and --query_files must say where the queries are"),
        ({"num_answers": 0}, "--num_answers must be >= 1, but is 0"),
        ({"shards": (3,)}, r"--shard must be in \[0, 3\), but is 3"),
        ({"num_shards": None, "shards": (0,)}, "--shard names some of --num_shards, which must be given with it"),
    ],
)
def test_options_out_of_range_are_refused_with_a_sentence(config, changes, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        dataclasses.replace(config, **changes)


def test_the_queries_of_a_prepared_log_are_answered_with_what_they_have_not_chosen(line, tmp_path):
    version_dir = pathlib.Path(line.export_dir) / "1"
    config = recommend.RecommendConfig(str(version_dir), str(tmp_path / "answers"), line.prepared_dir)
    summary = recommend.run(config)
    assert (summary["queries"], summary["short"], summary["k"]) == (160, 0, 20)
    chosen = {}
    for row in line.log.interactions.read_text().splitlines()[1:]:
        chosen.setdefault(row.split(",")[0], set()).add(row.split(",")[1])
    for row in _answers(config):
        assert not chosen[row["query_id"]] & set(row["candidate_ids"]), row["query_id"]


def test_the_last_line_of_the_command_is_a_json_object(config):
    command = [sys.executable, "-m", "pipelines.recommend", f"--version_dir={config.version_dir}"]
    options = [f"--query_files={config.query_files}", f"--answers_dir={config.answers_dir}"]
    done = subprocess.run([*command, *options], cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["job"], summary["version"], summary["queries"], summary["k"]) == ("recommend", "7", 64, 5)
