import pytest
import tensorflow as tf

from tests import every_kind
from tfrs_model import feature_input, schema


def test_what_the_schema_says_reaches_the_input():
    tags = schema.Feature("tags", "multivalent", embedding_dim=5, weights_column="w", pooling="sqrtn", table="shared")
    assert feature_input.FeatureInput.from_schema(tags, "query", ["a"]) == feature_input.FeatureInput(
        "tags", "multivalent", 5, ("a",), table="shared", weighted=True, pooling="sqrtn"
    )
    text = schema.Feature("about", "text", hash_buckets=9, ngram_unit="character", ngram_sizes=(3, 4))
    assert feature_input.FeatureInput.from_schema(text, "candidate") == feature_input.FeatureInput(
        "about", "text", table="candidate.about", hash_buckets=9, ngram_unit="character", ngram_sizes=(3, 4)
    )
    moment = schema.Feature("at", "timestamp", parts=("month_of_year",))
    assert feature_input.FeatureInput.from_schema(moment, "context").parts == ("month_of_year",)


def test_boundaries_are_the_schemas_or_else_those_of_the_quantiles():
    given, found = (
        schema.Feature("age", "bucketised", boundaries=(18, 65)),
        schema.Feature("age", "bucketised", num_buckets=3),
    )
    made = [feature_input.FeatureInput.from_schema(each, "query", boundaries=[20.0, 40.0]) for each in (given, found)]
    assert [each.boundaries for each in made] == [(18.0, 65.0), (20.0, 40.0)]


def test_every_kind_says_what_a_request_brings():
    specs = {}
    for each in every_kind.model_inputs().query_features:
        specs |= {name: (spec.dtype.name, spec.shape.rank, spec.name) for name, spec in each.tensor_specs().items()}
    assert specs == {
        "friends": ("string", 2, "friends"),
        "region": ("string", 1, "region"),
        "segment": ("string", 1, "segment"),
        "tastes": ("string", 2, "tastes"),
        "tastes_weights": ("float32", 2, "tastes_weights"),
        "income": ("float32", 1, "income"),
        "age": ("float32", 1, "age"),
        "motto": ("string", 1, "motto"),
        "born": ("int64", 1, "born"),
        "seed": ("string", 1, "seed"),
        "cart": ("string", 2, "cart"),
        "cart_weights": ("float32", 2, "cart_weights"),
        "place": ("string", 1, "place"),
        "price": ("float32", 1, "price"),
        "search": ("string", 1, "search"),
        "at": ("int64", 1, "at"),
    }
    for name, values in every_kind.queries().items():
        if name in specs:
            assert (values.dtype.name, values.shape.rank) == specs[name][:2]


def test_numbers_and_moments_as_they_are_start_no_embedding_table():
    embedded = {kind: feature_input.FeatureInput("x", kind).embeds for kind in schema.FEATURE_KINDS}
    assert sorted(kind for kind, embeds in embedded.items() if not embeds) == ["numeric", "timestamp"]


def test_lists_of_a_configuration_become_tuples():
    made = feature_input.FeatureInput("x", "bucketised", boundaries=[1.0], vocabulary=[], ngram_sizes=[2], parts=[])
    assert (made.boundaries, made.vocabulary, made.ngram_sizes, made.parts) == ((1.0,), (), (2,), ())
    assert isinstance(made.tensor_specs()["x"], tf.TensorSpec)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'x': ngram_unit must be one of word, character, but is 'letter'\."):
        feature_input.FeatureInput("x", "text", ngram_unit="letter")
    with pytest.raises(ValueError, match=r"'x': pooling must be one of mean, sum, sqrtn, max, but is 'median'\."):
        feature_input.FeatureInput("x", "text", pooling="median")
