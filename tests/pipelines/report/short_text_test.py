import pytest

from pipelines.report import short_text

_CUT = "\N{HORIZONTAL ELLIPSIS}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Fargo", "Fargo"), ("Kolya!", "Kolya!"), ("Star Wars", f"Star{_CUT}"), ("a\n b\tc", "a b c"), ("", "")],
)
def test_what_is_too_long_ends_in_an_ellipsis(text, expected):
    assert short_text.shortened(text, 6) == expected
