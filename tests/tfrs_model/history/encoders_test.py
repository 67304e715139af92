import pytest

from tfrs_model import history


def test_the_encoders_are_these():
    assert list(history.ENCODERS) == ["mean", "recency_weighted_mean", "gru", "self_attention"]


def test_an_option_that_is_left_out_has_the_encoders_own_value():
    config = history.build_encoder("self_attention", 16).get_config()
    assert (config["num_layers"], config["num_heads"], config["dropout"], config["reads_time_gaps"]) == (2, 2, 0, False)
    assert history.build_encoder("gru", 16, seed=3).get_config()["num_layers"] == 1


def test_options_reach_the_encoder():
    encoder = history.build_encoder(
        "self_attention", 12, num_layers=3, num_heads=4, dropout=0.2, reads_time_gaps=True, seed=7, name="reads"
    )
    config = encoder.get_config()
    del config["dtype"], config["trainable"]
    assert config == {
        "name": "reads",
        "width": 12,
        "num_layers": 3,
        "num_heads": 4,
        "dropout": 0.2,
        "reads_time_gaps": True,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("encoder", "options", "sentence"),
    [
        ("lstm", {}, "must be one of mean, recency_weighted_mean, gru, self_attention, but is 'lstm'"),
        (
            "mean",
            {"num_layers": 2},
            "mean does not read num_layers, but it is 2; leave it out, or choose one of gru, sel",
        ),
        ("gru", {"num_heads": 2}, "gru does not read num_heads, but it is 2; leave it out, or choose one of self_att"),
        ("gru", {"reads_time_gaps": False}, "gru does not read reads_time_gaps, but it is False"),
        ("gru", {"num_layers": 0}, "num_layers must be >= 1, but is 0; use the mean for an encoder without layers"),
        ("self_attention", {"num_layers": 0}, "num_layers must be >= 1, but is 0"),
        ("self_attention", {"num_heads": 3}, "num_heads must divide width, but they are 3 and 16; every head reads"),
        ("self_attention", {"num_heads": 0}, "num_heads must divide width, but they are 0 and 16"),
        ("self_attention", {"dropout": 1.0}, r"Dropout rate must be in \[0, 1\), but is 1.0"),
        ("gru", {"dropout": -0.1}, r"Dropout rate must be in \[0, 1\), but is -0.1"),
        ("mean", {"width": 0}, "history_encoder: width must be >= 1, but is 0; give the width of the embeddings"),
    ],
)
def test_what_no_encoder_can_be_made_of_is_refused_with_a_sentence(encoder, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        history.build_encoder(encoder, **{"width": 16, **options})
