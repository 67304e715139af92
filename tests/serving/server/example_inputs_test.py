import pytest
import tensorflow as tf
from tensorflow_serving.apis import input_pb2

from serving import errors
from serving.server import example_inputs
from tests.serving import example_requests


def _parsed(examples):
    return [tf.train.Example.FromString(serialized) for serialized in example_inputs.to_array(examples)]


def test_each_example_is_one_element():
    assert _parsed(example_requests.of_x(1.0, 2.0)) == [
        example_requests.example(x=1.0),
        example_requests.example(x=2.0),
    ]


def test_a_context_holds_for_each_example_unless_that_says_otherwise():
    context = example_requests.example(country=b"se", age=20)
    examples = [example_requests.example(x=1.0), example_requests.example(x=2.0, age=21)]
    merged = _parsed(input_pb2.Input(example_list_with_context={"context": context, "examples": examples}))
    assert merged == [
        example_requests.example(x=1.0, country=b"se", age=20),
        example_requests.example(x=2.0, country=b"se", age=21),
    ]


def test_the_graph_reads_a_merged_example_as_the_message_says():
    context = example_requests.example(age=20)
    examples = [example_requests.example(), example_requests.example(age=21)]
    serialized = example_inputs.to_array(
        input_pb2.Input(example_list_with_context={"context": context, "examples": examples})
    )
    parsed = tf.io.parse_example(serialized, {"age": tf.io.FixedLenFeature([], tf.int64)})
    assert parsed["age"].numpy().tolist() == [20, 21]


def test_an_example_without_features_is_an_example():
    assert _parsed(input_pb2.Input(example_list={"examples": [tf.train.Example()]})) == [tf.train.Example()]


# The text of InputToSerializedExampleTensor in TensorFlow Serving's util.cc.
@pytest.mark.parametrize(
    "examples",
    [
        input_pb2.Input(),
        input_pb2.Input(example_list={}),
        input_pb2.Input(example_list_with_context={"context": example_requests.example(x=1.0)}),
    ],
    ids=["nothing", "empty list", "context alone"],
)
def test_no_example_is_refused(examples):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        example_inputs.to_array(examples)
    assert str(refusal.value) == "Input is empty."
