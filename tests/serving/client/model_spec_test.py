import pytest

from serving import errors
from serving.client import model_spec


def test_a_version_and_a_label_together_are_refused():
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        model_spec.ModelSpec("shop", 3, "stable")
    assert str(refusal.value) == (
        "A call names a version or a version_label, but got version 3 and version_label 'stable'; "
        "leave one of them out."
    )


@pytest.mark.parametrize("version", [-1, 1 << 63, 1.0, True, "1"])
def test_a_version_that_cannot_be_one_is_refused(version):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        model_spec.ModelSpec("shop", version)
    assert str(refusal.value) == f"version must be an integer between 0 and 2^63 - 1, but is {version!r}."


@pytest.mark.parametrize("text", ["", None, 7, "\ud800"])
def test_an_empty_name_and_an_empty_label_are_refused(text):
    with pytest.raises(errors.InvalidArgumentError, match=r"^model_name must be a text that is not empty, but is"):
        model_spec.ModelSpec(text)
    if text is not None:
        with pytest.raises(errors.InvalidArgumentError, match=r"^version_label must be a text that is not empty, but"):
            model_spec.ModelSpec("shop", version_label=text)


def test_the_largest_version_and_version_0_can_be_asked():
    assert model_spec.ModelSpec("shop", (1 << 63) - 1).version == 9223372036854775807
    assert model_spec.ModelSpec("shop", 0).version == 0
