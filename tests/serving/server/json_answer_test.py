import json

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import classification_pb2, regression_pb2

from serving import errors
from serving.server import json_answer


def _text(outputs, is_row_format):
    return json_answer.write_outputs(outputs, is_row_format).decode()


def test_a_single_output_goes_without_its_name():
    outputs = {"y": np.array([3.5, 4.0, 5.5], np.float32)}
    assert _text(outputs, True) == '{\n    "predictions": [3.5, 4.0, 5.5\n    ]\n}'
    assert _text(outputs, False) == '{\n    "outputs": [\n        3.5,\n        4.0,\n        5.5\n    ]\n}'


def test_rows_of_several_outputs_are_objects():
    outputs = {"ids": np.array([[1, 2], [3, 4]]), "ok": np.array([True, False])}
    assert json.loads(_text(outputs, True)) == {
        "predictions": [{"ids": [1, 2], "ok": True}, {"ids": [3, 4], "ok": False}]
    }
    assert json.loads(_text(outputs, False)) == {"outputs": {"ids": [[1, 2], [3, 4]], "ok": [True, False]}}


# Line breaks by the rules of PrettyPrefix and End... in rapidjson/prettywriter.h: each member of an object on a line of
# its own, indented by 4 for each list and object around it; each element of a list too, unless kFormatSingleLineArray,
# which json_tensor.cc sets for the rows.
def test_each_list_of_a_column_has_its_lines():
    outputs = {"ids": np.array([[1, 2], [3, 4]]), "none": np.zeros((1, 0))}
    body = """{
    "outputs": {
        "ids": [
            [
                1,
                2
            ],
            [
                3,
                4
            ]
        ],
        "none": [
            []
        ]
    }
}"""
    assert _text(outputs, False) == body


def test_base64_objects_have_their_lines_even_in_rows():
    image = np.array([[b"hello"], [b"world"]], object)
    alone = """{
    "predictions": [[{
                "b64": "aGVsbG8="
            }], [{
                "b64": "d29ybGQ="
            }]
    ]
}"""
    assert _text({"image_bytes": image}, True) == alone
    among_others = """{
    "predictions": [
        {
            "image_bytes": [{
                    "b64": "aGVsbG8="
                }],
            "ok": true
        }
    ]
}"""
    assert _text({"image_bytes": image[:1], "ok": np.array([True])}, True) == among_others
    column = """{
    "outputs": {
        "b64": "d29ybGQ="
    }
}"""
    assert _text({"image_bytes": image[1, 0:1].reshape(())}, False) == column


# rapidjson/writer.h, WriteString: hexDigits are capitals.
def test_control_characters_are_escaped_in_capitals():
    outputs = {"text": np.array([b"\x1f \\u001f \x7f"], object)}
    assert _text(outputs, True) == '{\n    "predictions": ["\\u001F \\\\u001f \x7f"\n    ]\n}'


# From the tests of TensorFlow Serving's json_tensor.cc, where the reason stands: six digits if they suffice.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9000000, "9e+06"),
        (999999, "999999.0"),
        (0.5, "0.5"),
        (0.0003, "0.0003"),
        (0.00003, "3e-05"),
        (555557.5, "555557.5"),
        (3, "3.0"),
        (-0.0, "-0.0"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_floats_print_as_tensorflow_serving_prints_them(value, text):
    assert _text({"y": np.array(value, np.float32)}, False) == f'{{\n    "outputs": {text}\n}}'


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float_comes_back_bit_for_bit(dtype):
    values = np.random.default_rng(0).normal(size=1000).astype(dtype)
    read = np.array(json.loads(_text({"y": values}, False))["outputs"]).astype(dtype)
    np.testing.assert_array_equal(read, values)


def test_names_that_end_in_bytes_are_base64():
    outputs = {"image_bytes": np.array([[b"hello"], [b"world"]], object)}
    assert json.loads(_text(outputs, True)) == {"predictions": [[{"b64": "aGVsbG8="}], [{"b64": "d29ybGQ="}]]}


def test_strings_are_escaped_and_bytes_that_are_no_utf8_leave_as_they_came():
    outputs = {"text": np.array(['"é\n', ""], object)}
    outputs["text"][:] = ['"é\n'.encode(), b"\xff"]
    assert '"\\"é\\n", "\xff"'.encode("latin-1").replace(b"\xe9", "é".encode()) in json_answer.write_outputs(
        outputs, True
    )


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 0, 3), (1, 2, 3), ()])
def test_every_shape_nests_as_numpy_nests_it(shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    assert json.loads(_text({"y": array}, False))["outputs"] == array.tolist()
    if shape:
        assert json.loads(_text({"y": array}, True))["predictions"] == array.tolist()
        several = {"y": array, "z": array}
        assert len(json.loads(_text(several, True))["predictions"]) == shape[0]


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.array(1.0)}, "Tensor name: y has no shape information "),
        ({"y": np.zeros(2), "z": np.zeros(3)}, "Tensor name: z has inconsistent batch size: 3 expecting: 2"),
    ],
)
def test_rows_need_one_first_dimension(outputs, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        json_answer.write_outputs(outputs, is_row_format=True)
    assert str(refusal.value) == text


def test_a_dtype_without_a_json_form_is_refused():
    with pytest.raises(errors.InvalidArgumentError, match="Failed to write JSON value for tensor type: complex64"):
        json_answer.write_outputs({"y": np.zeros(1, np.complex64)}, is_row_format=True)


def test_an_error_is_an_object_with_one_key():
    assert json.loads(json_answer.write_error('say "no"\n')) == {"error": 'say "no"\n'}


def test_an_error_that_quotes_no_character_is_json_all_the_same():
    assert json.loads(json_answer.write_error("\ud800 and \udcff")) == {"error": "? and ?"}


# Results and their JSON as in ClassifyRegressnResultTest of TensorFlow Serving's json_tensor_test.cc; line breaks as
# RapidJSON's PrettyWriter sets them, with the format options of json_tensor.cc.
def test_classes_are_written_as_pairs():
    result = text_format.Parse(
        """classifications { classes { label: "car" score: 0.2 } classes { label: "bïke\\n" score: 3 } }
           classifications { classes { score: 0.7 } }
           classifications { }""",
        classification_pb2.ClassificationResult(),
    )
    assert (
        json_answer.write_classifications(result).decode()
        == '{\n    "results": [[["car", 0.2], ["bïke\\n", 3.0]], [["", 0.7]], []\n    ]\n}'
    )


def test_regressions_are_written_on_one_line():
    result = text_format.Parse(
        "regressions { value: 0.2 } regressions { value: inf } regressions { value: 1 } regressions { value: -inf } "
        "regressions { value: nan }",
        regression_pb2.RegressionResult(),
    )
    text = json_answer.write_regressions(result).decode()
    assert text == '{\n    "results": [0.2, Infinity, 1.0, -Infinity, NaN]\n}'
