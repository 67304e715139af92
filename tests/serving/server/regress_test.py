import pytest
from tensorflow_serving.apis import regression_pb2

from serving import errors
from serving.server import regress
from tests.serving import example_requests


def _request(signature_name, *values):
    return regression_pb2.RegressionRequest(
        model_spec={"name": "any", "signature_name": signature_name}, input=example_requests.of_x(*values)
    )


def _values(response):
    return [regression.value for regression in response.result.regressions]


def test_each_example_gets_its_number(upstream_half_plus_two):
    # 0.5 * 80 + 2 and 0.5 * 1 + 2; the other signature adds 3.
    assert _values(regress.regress(upstream_half_plus_two, _request("regress_x_to_y", 80.0, 1.0))) == [42.0, 2.5]
    assert _values(regress.regress(upstream_half_plus_two, _request("regress_x_to_y2", 80.0))) == [43.0]


def test_a_vector_is_as_good_as_a_column(animals):
    assert _values(regress.regress(animals, _request("regress", 1.0, 2.0))) == [2.0, 4.0]


def test_the_answer_names_the_version_and_the_signature(upstream_half_plus_two):
    spec = regress.regress(upstream_half_plus_two, _request("regress_x_to_y", 0.0)).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("any", 123, "regress_x_to_y")


# Texts as in TensorFlow Serving's regressor.cc and util.cc.
def test_a_signature_that_is_not_there_and_no_example_are_refused(animals):
    with pytest.raises(errors.InvalidArgumentError, match=r"^No signature was found with the name: absent$"):
        regress.regress(animals, _request("absent", 1.0))
    with pytest.raises(errors.InvalidArgumentError, match=r"^Input is empty\.$"):
        regress.regress(animals, _request("regress"))


def test_the_method_name_counts_only_where_it_is_checked(animals, upstream_half_plus_two):
    named = _request("regress_x_to_y", 0.0)
    assert _values(regress.regress(upstream_half_plus_two, named, is_method_name_checked=True)) == [2.0]
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        regress.regress(animals, _request("regress", 1.0), is_method_name_checked=True)
    assert str(refusal.value) == (
        "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/predict"
    )


@pytest.mark.parametrize(
    ("signature_name", "text"),
    [
        ("two_inputs", "Expected one input Tensor."),
        ("two_regressions", "Expected one output Tensor."),
        ("other_regression_input", 'No regression inputs found in SignatureDef: inputs {\n  key: "examples"'),
        ("other_regression", "No regression outputs found in SignatureDef: inputs {"),
        (
            "wide_regression",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [3,2]",
        ),
        ("scalar_regression", "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []"),
        ("fewer_regressions", "Input batch size did not match output batch size: 3 vs. 2"),
        ("number_regression", "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_a_signature_that_is_no_regression_gets_the_sentence_of_tensorflow_serving(misfits, signature_name, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        regress.regress(misfits, _request(signature_name, 1.0, 2.0, 3.0))
    assert str(refusal.value).startswith(text)


def test_a_signature_that_takes_a_number_refuses_examples(upstream_half_plus_two):
    # The text is DirectSession's: upstream feeds the examples to whatever the input is, too.
    with pytest.raises(errors.InvalidArgumentError, match=r"^Expects arg\[0\] to be float but string is provided$"):
        regress.regress(upstream_half_plus_two, _request("regress_x2_to_y3", 1.0))
