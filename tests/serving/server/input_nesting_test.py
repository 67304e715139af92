import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving import errors
from serving.server import input_nesting, tensor_json

_REFUSAL = errors.InvalidArgumentError("ScanOp: got 1.\n\t [[node]]")


def _declared(data_type, *sizes, unknown_rank=False):
    info = meta_graph_pb2.TensorInfo(dtype=data_type)
    info.tensor_shape.unknown_rank = unknown_rank
    for size in sizes:
        info.tensor_shape.dim.add().size = size
    return info


def _explained(array, is_row_format, info):
    inputs = tensor_json.JsonInputs({"history": np.asarray(array)}, is_row_format)
    return str(input_nesting.explain(_REFUSAL, inputs, {"history": info}))


@pytest.mark.parametrize(
    ("array", "is_row_format", "info", "sentence"),
    [
        (
            ["x"],
            True,
            _declared(types_pb2.DT_STRING, -1, -1),
            'must be a list of strings in each of \'instances\', such as {"history": ["a", "b"]}, but came as a string',
        ),
        (
            ["x"],
            False,
            _declared(types_pb2.DT_STRING, -1, -1),
            'must be a list of lists of strings in \'inputs\', such as {"history": [["a", "b"]]}, but came as a list '
            "of strings",
        ),
        (
            [[1.0]],
            True,
            _declared(types_pb2.DT_FLOAT, -1),
            "must be a number in each of 'instances', such as {\"history\": 1}, but came as a list of numbers",
        ),
        (
            True,
            False,
            _declared(types_pb2.DT_BOOL, 3),
            "must be a list of booleans in 'inputs', such as {\"history\": [true, false]}, but came as a boolean",
        ),
    ],
)
def test_the_sentence_says_what_is_expected_with_an_example_and_what_came(array, is_row_format, info, sentence):
    explained = _explained(array, is_row_format, info)
    assert explained == f"Input 'history' {sentence} (the model itself says: ScanOp: got 1)."


def test_an_input_of_the_declared_or_of_no_declared_rank_is_not_to_blame():
    assert _explained([["x"]], True, _declared(types_pb2.DT_STRING, -1, -1)) == str(_REFUSAL)
    assert _explained(["x"], False, _declared(types_pb2.DT_STRING, unknown_rank=True)) == str(_REFUSAL)
    # Rows of a signature without a first dimension: no nesting of an instance is the one declared.
    assert _explained(["x"], True, _declared(types_pb2.DT_STRING)) == str(_REFUSAL)
