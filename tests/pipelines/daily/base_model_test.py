import datetime

import pytest

from pipelines import model_directory
from pipelines.daily import base_model


@pytest.fixture
def base(tmp_path):
    return base_model.BaseModel(datetime.date(2026, 11, 3), datetime.date(2026, 11, 2), tmp_path / "model")


def test_a_model_that_is_gone_is_made_again_by_a_back_fill(base):
    with pytest.raises(base_model.BaseModelError) as caught, base.readable():
        model_directory.read_description(base.directory)
    said = str(caught.value)
    assert said.startswith("2026-11-03 goes on from the model of 2026-11-02, which cannot be read: ")
    assert f"{base.directory} holds no model. Put" in said
    assert said.endswith("--backfill_from=2026-11-02.")
    assert "--model_dir" not in said


def test_what_is_said_of_another_model_stays(base, tmp_path):
    with pytest.raises(model_directory.ModelDirectoryError, match="other holds no model"), base.readable():
        model_directory.read_description(tmp_path / "other")
