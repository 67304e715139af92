import pytest

from serving import errors
from serving.server import json_base64


@pytest.mark.parametrize("text", ["aGVsbG8=", "aGVsbG8", "aGVsbG8.", " aGVs\r\nbG8=\n"])
def test_padding_may_be_left_out_or_be_dots_and_space_is_passed_over(text):
    # "hello" by `printf hello | base64`.
    assert json_base64.decode({"b64": text}) == b"hello"


@pytest.mark.parametrize("value", [{"b64": 1}, {"b64": "aGk=", "x": 1}, {"B64": "aGk="}, {}, "aGk=", ["b64"]])
def test_only_an_object_with_that_one_string_is_meant(value):
    assert not json_base64.is_base64(value)


# Texts of JsonDecodeBase64Object in TensorFlow Serving's json_tensor.cc.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b64": "?"}, "Unable to base64 decode"),
        ({"b64": "aGVsbG8.="}, "Unable to base64 decode"),
        ({"b64": "aGk=\u00a0"}, "Unable to base64 decode"),
        ({"b63": "aGk="}, " not formatted correctly for base64 data"),
    ],
)
def test_what_is_no_base64_is_refused(value, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        json_base64.decode(value)
    assert str(refusal.value).endswith(text)
