import pytest

from tfrs_model import schema

_SHARED = {
    "categorical": {"kind": "categorical", "table": "t"},
    "multivalent": {"kind": "multivalent", "table": "t"},
    "text": {"kind": "text", "table": "t", "hash_buckets": 9},
    "bucketised": {"kind": "bucketised", "table": "t", "boundaries": [1, 2]},
}


def _schema(query=(), context=(), candidate=()):
    sides = {"query_features": query, "context_features": context, "candidate_features": candidate}
    return schema.Schema.from_dict({"schema_version": 2, **{side: list(features) for side, features in sides.items()}})


def test_features_of_any_side_may_share_a_table_that_they_describe_alike():
    for options in _SHARED.values():
        made = _schema([{"name": "a", **options}], [{"name": "b", **options}], [{"name": "a", **options}])
        assert {each.table_name("any") for each in made.query_tower_features + made.candidate_features} == {"t"}
    _schema([{"name": "a", **_SHARED["categorical"]}], candidate=[{"name": "b", **_SHARED["multivalent"]}])


def test_vocabularies_are_by_table_with_all_who_share_it():
    made = _schema(
        query=[{"name": "home", "kind": "categorical", "table": "places"}, {"name": "age", "kind": "numeric"}],
        context=[{"name": "seed", "kind": "id", "table": "candidate_id"}],
        candidate=[
            {"name": "shops", "kind": "multivalent", "table": "places"},
            {"name": "brand", "kind": "categorical"},
            {"name": "sku", "kind": "categorical", "hash_buckets": 5},
        ],
    )
    names = {table: [(side, each.name) for side, each in features] for table, features in made.vocabularies.items()}
    assert names == {
        "query_id": [],
        "candidate_id": [("context", "seed")],
        "places": [("query", "home"), ("candidate", "shops")],
        "candidate.brand": [("candidate", "brand")],
    }
    assert list(names)[:2] == ["query_id", "candidate_id"]


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("categorical", {"embedding_dim": 4}, "so embedding_dim must be 16, but is 4; make them equal"),
        ("categorical", {"hash_buckets": 9}, "so hash_buckets must be None, but is 9"),
        ("text", {"ngram_sizes": [3]}, r"so ngram_sizes must be \(1, 2\), but is \(3,\)"),
        ("text", {"ngram_unit": "character"}, "so ngram_unit must be 'word', but is 'character'"),
        ("bucketised", {"boundaries": [1, 3]}, r"so boundaries must be \(1.0, 2.0\), but is \(1.0, 3.0\)"),
        ("bucketised", {"boundaries": None, "num_buckets": 3}, "but num_buckets gives each boundaries of its own"),
        ("categorical", _SHARED["text"], "but is 'text' where the other is 'categorical'; give it a table of its own"),
        ("text", _SHARED["bucketised"] | {"hash_buckets": None}, "but is 'bucketised' where the other is 'text'"),
    ],
)
def test_features_that_cannot_share_a_table_are_refused_with_both_places(first, second, sentence):
    where = r"candidate_features\[0\] shares table 't' with query_features\[0\], "
    with pytest.raises(schema.SchemaError, match=where + sentence) as caught:
        _schema([{"name": "a", **_SHARED[first]}], candidate=[{"name": "b", **_SHARED[first], **second}])
    assert caught.value.key[:2] == ("candidate_features", 0)


@pytest.mark.parametrize(("first", "second"), [("places", "Places"), ("query_id", "Query_ID")])
def test_tables_whose_names_differ_in_case_alone_are_refused(first, second):
    tags = {"name": "tags", "kind": "multivalent"}
    with pytest.raises(
        schema.SchemaError, match=rf"candidate_features\[0\].table is '{second}', but there is a table '{first}'"
    ):
        _schema([{**tags, "table": first}], candidate=[{**tags, "table": second}])
