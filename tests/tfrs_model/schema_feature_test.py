import pytest

from tfrs_model import schema

_LEAST = {
    "id": {"table": "query_id"},
    "categorical": {},
    "multivalent": {},
    "numeric": {},
    "bucketised": {"num_buckets": 4},
    "text": {"hash_buckets": 100},
    "timestamp": {},
}


def _feature(kind, **options):
    return schema.Feature("x", kind, **{**_LEAST[kind], **options})


def test_a_feature_takes_the_defaults_of_its_kind_and_nothing_else():
    assert tuple(_LEAST) == schema.FEATURE_KINDS
    assert _feature("categorical").column == "x"
    assert [_feature(kind).embedding_dim for kind in _LEAST] == [None, 16, 16, 16, 16, 16, 16]
    assert {kind: _feature(kind).pooling for kind in _LEAST if _feature(kind).pooling} == {
        "multivalent": "mean",
        "text": "mean",
    }
    text, moment = _feature("text"), _feature("timestamp")
    assert (text.ngram_unit, text.ngram_sizes, text.timestamp_unit) == ("word", (1, 2), None)
    assert (moment.timestamp_unit, moment.parts, moment.ngram_sizes) == ("s", ("hour_of_day", "day_of_week"), None)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("id", {"column": "last_seen", "table": "candidate_id"}),
        ("categorical", {"table": "places", "hash_buckets": 50, "embedding_dim": 3}),
        ("multivalent", {"separator": "|", "weights_column": "w", "pooling": "sqrtn"}),
        ("multivalent", {"table": "candidate_id"}),
        ("bucketised", {"num_buckets": None, "boundaries": [0, 1.5, 20]}),
        ("text", {"ngram_unit": "character", "ngram_sizes": [3, 4], "pooling": "max"}),
        ("timestamp", {"timestamp_unit": "us", "parts": ["month_of_year"]}),
    ],
)
def test_a_feature_of_every_kind_survives_its_dictionary(kind, options):
    features = {"candidate_features": [{"name": "x", "kind": kind, **_LEAST[kind], **options}]}
    read = schema.Schema.from_dict({"schema_version": 2, **features})
    assert schema.Schema.from_dict(read.to_dict()) == read
    assert read.candidate_features == (_feature(kind, **options),)


def test_a_feature_says_its_table_its_weights_and_whether_it_has_a_vocabulary():
    assert _feature("categorical").table_name("context") == "context.x"
    assert _feature("categorical", table="places").table_name("context") == "places"
    assert _feature("multivalent").weights_name is None
    assert _feature("multivalent", weights_column="w").weights_name == "x_weights"
    assert [kind for kind in _LEAST if _feature(kind).has_vocabulary] == ["id", "categorical", "multivalent"]
    assert not _feature("categorical", hash_buckets=2).has_vocabulary


@pytest.mark.parametrize(
    ("kind", "options", "key", "sentence"),
    [
        (
            "numeric",
            {"pooling": "sum"},
            "pooling",
            "pooling is for multivalent and text features, but kind is 'numeric'",
        ),
        ("numeric", {"table": "t"}, "table", "table is for id and categorical and"),
        ("categorical", {"parts": ["hour_of_day"]}, "parts", "parts is for timestamp features"),
        ("text", {"separator": " "}, "separator", "separator is for multivalent features"),
        (
            "id",
            {"hash_buckets": 9},
            "hash_buckets",
            "hash_buckets is for categorical and multivalent and text features",
        ),
        ("id", {"embedding_dim": 9}, "embedding_dim", "kind is 'id' and embedding_dim is 9; remove it"),
        ("id", {"table": None}, "table", "table of an id must be one of query_id, candidate_id, but is None"),
        ("id", {"table": "films"}, "table", "table of an id must be one of query_id, candidate_id, but is 'films'"),
        ("text", {"table": "candidate_id"}, "table", "table 'candidate_id' is for id and multivalent features"),
        (
            "multivalent",
            {"table": "candidate_id", "embedding_dim": 16},
            "embedding_dim",
            "embedding_dim must not be given, since table 'candidate_id' has that of the ids, but is 16; remove it",
        ),
        ("multivalent", {"table": "query_id", "hash_buckets": 5}, "hash_buckets", "hash_buckets must not be given"),
        ("categorical", {"table": "query.age"}, "table", "table must be letters, digits and underscores"),
        ("categorical", {"table": "History"}, "table", "and not 'history', but is 'History'"),
        ("categorical", {"table": 7}, "table", "but is 7"),
        ("categorical", {"embedding_dim": True}, "embedding_dim", "must be an integer >= 1, but is True"),
        ("categorical", {"embedding_dim": 2.0}, "embedding_dim", "must be an integer >= 1, but is 2.0"),
        ("categorical", {"hash_buckets": 1}, "hash_buckets", "must be an integer >= 2, but is 1"),
        ("text", {"hash_buckets": None}, "hash_buckets", "hash_buckets is required of a text"),
        ("text", {"ngram_unit": "letter"}, "ngram_unit", "must be one of word, character, but is 'letter'"),
        ("text", {"ngram_sizes": []}, "ngram_sizes", r"must be a list with at least one entry, but is \[\]"),
        ("text", {"ngram_sizes": 3}, "ngram_sizes", "must be a list with at least one entry, but is 3"),
        ("text", {"ngram_sizes": [0]}, "ngram_sizes", r"must be integers from 1 to 8, but are \[0\]"),
        ("text", {"ngram_sizes": [2, 2]}, "ngram_sizes", r"must not repeat, but are \[2, 2\]"),
        ("text", {"ngram_sizes": [1.0]}, "ngram_sizes", r"must be integers from 1 to 8, but are \[1.0\]"),
        ("multivalent", {"pooling": "median"}, "pooling", "must be one of mean, sum, sqrtn, max, but is 'median'"),
        ("multivalent", {"pooling": "max", "weights_column": "w"}, "pooling", "pooling 'max' reads no weights"),
        ("multivalent", {"weights_column": ""}, "weights_column", "must be a string and not be empty"),
        ("bucketised", {"num_buckets": None}, "num_buckets", "num_buckets must be given, but neither is"),
        ("bucketised", {"boundaries": [1]}, "boundaries", "exactly one of boundaries and num_buckets .* both are"),
        ("bucketised", {"num_buckets": 1}, "num_buckets", "must be an integer >= 2, but is 1"),
        ("bucketised", {"boundaries": [2, 1]}, "boundaries", r"must ascend strictly, .* but are \[2, 1\]"),
        ("bucketised", {"boundaries": [1, 1]}, "boundaries", "must ascend strictly"),
        # The nearest float32 of both is 16777216.
        ("bucketised", {"boundaries": [16777216, 16777217]}, "boundaries", "must ascend strictly, as float32 too"),
        ("bucketised", {"boundaries": [float("inf")]}, "boundaries", "must be finite numbers"),
        ("bucketised", {"boundaries": [10**400]}, "boundaries", "must be finite numbers"),
        ("bucketised", {"boundaries": [False]}, "boundaries", "must be finite numbers"),
        ("timestamp", {"timestamp_unit": "h"}, "timestamp_unit", "must be one of s, ms, us, but is 'h'"),
        ("timestamp", {"parts": ["year"]}, "parts", "must be from hour_of_day, .*, but are"),
        ("timestamp", {"parts": ["hour_of_day"] * 2}, "parts", "must not repeat"),
    ],
)
def test_an_option_out_of_range_or_of_another_kind_is_refused_by_name(kind, options, key, sentence):
    with pytest.raises(schema.SchemaError, match=sentence) as caught:
        _feature(kind, **options)
    assert caught.value.key == (key,)
    assert str(caught.value).startswith("Feature 'x': ")
