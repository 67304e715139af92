import pytest
from tensorflow_serving.apis import classification_pb2, input_pb2

from serving import errors
from serving.server import classify
from tests.serving import example_requests


def _request(signature_name, *values):
    return classification_pb2.ClassificationRequest(
        model_spec={"name": "any", "signature_name": signature_name}, input=example_requests.of_x(*values)
    )


def _pairs(response):
    return [[(one.label, one.score) for one in row.classes] for row in response.result.classifications]


def test_scores_without_classes_have_empty_labels(upstream_half_plus_two):
    response = classify.classify(upstream_half_plus_two, _request("classify_x_to_y", 20.0, 10.0))
    # 0.5 * 20 + 2 and 0.5 * 10 + 2.
    assert _pairs(response) == [[("", 12.0)], [("", 7.0)]]


def test_the_answer_names_the_version_and_the_signature(upstream_half_plus_two):
    response = classify.classify(upstream_half_plus_two, _request("classify_x_to_y", 0.0))
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("any", 123, "classify_x_to_y")


def test_labels_stand_beside_their_scores(animals):
    assert _pairs(classify.classify(animals, _request("", 0.75, 0.5))) == [
        [("cat", 0.75), ("dög", 0.25)],
        [("cat", 0.5), ("dög", 0.5)],
    ]


def test_classes_without_scores_have_the_score_zero(animals):
    assert _pairs(classify.classify(animals, _request("label", 0.5))) == [[("0.5", 0.0)]]


def test_a_context_reaches_the_model(animals):
    request = _request("label")
    request.input.CopyFrom(
        input_pb2.Input(
            example_list_with_context={
                "context": example_requests.example(x=1.0),
                "examples": [example_requests.example(), example_requests.example(x=2.0)],
            }
        )
    )
    assert _pairs(classify.classify(animals, request)) == [[("1.0", 0.0)], [("2.0", 0.0)]]


# Texts as in TensorFlow Serving's classifier.cc and util.cc.
def test_a_signature_that_is_not_there_and_no_example_are_refused(animals):
    with pytest.raises(errors.InvalidArgumentError, match=r"^No signature was found with the name: absent$"):
        classify.classify(animals, _request("absent", 1.0))
    with pytest.raises(errors.InvalidArgumentError, match=r"^Input is empty\.$"):
        classify.classify(animals, _request(""))


def test_the_method_name_counts_only_where_it_is_checked(animals, upstream_half_plus_two):
    named = _request("classify_x_to_y", 0.0)
    assert _pairs(classify.classify(upstream_half_plus_two, named, is_method_name_checked=True)) == [[("", 2.0)]]
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        classify.classify(animals, _request("", 1.0), is_method_name_checked=True)
    assert str(refusal.value) == (
        "Expected classification signature method_name to be tensorflow/serving/classify. "
        "Was: tensorflow/serving/predict"
    )


@pytest.mark.parametrize(
    ("signature_name", "text"),
    [
        ("two_inputs", "Expected one input Tensor."),
        ("three_outputs", "Expected one or two output Tensors, found 3"),
        ("other_input", 'No classification inputs found in SignatureDef: inputs {\n  key: "examples"'),
        (
            "other_outputs",
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: inputs {",
        ),
        ("flat_classes", "Expected Tensor shape: [batch_size num_classes] but got [3]"),
        ("number_classes", "Expected classes Tensor of DT_STRING. Got: DT_INT64"),
        ("fewer_classes", "Expected classes output batch size of 3. Got: 2"),
        ("deep_scores", "Expected Tensor shape: [batch_size num_classes] but got [3,2,1]"),
        ("number_scores", "Expected scores Tensor of DT_FLOAT. Got: DT_INT64"),
        ("fewer_scores", "Expected scores output batch size of 3. Got: 2"),
        ("fewer_scores_than_classes", "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
    ],
)
def test_a_signature_that_does_not_classify_gets_the_sentence_of_tensorflow_serving(misfits, signature_name, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        classify.classify(misfits, _request(signature_name, 1.0, 2.0, 3.0))
    assert str(refusal.value).startswith(text)


def test_a_label_that_no_message_can_hold_is_refused(misfits):
    with pytest.raises(errors.InvalidArgumentError, match=r"one is b'\\xe9'; ask the signature by Predict"):
        classify.classify(misfits, _request("latin_classes", 1.0))


def test_an_example_without_what_the_graph_parses_is_the_callers_error(animals):
    request = classification_pb2.ClassificationRequest(input={"example_list": {"examples": [{}]}})
    with pytest.raises(errors.InvalidArgumentError, match="x"):
        classify.classify(animals, request)
