import datetime

import pytest

from pipelines import model_directory, warm_start
from pipelines.daily import base_model


@pytest.fixture
def base(tmp_path):
    return base_model.BaseModel(
        datetime.date(2026, 11, 3), datetime.date(2026, 11, 2), tmp_path / "model", datetime.date(2026, 11, 1)
    )


def test_a_model_that_is_gone_is_made_again_by_a_back_fill(base):
    with pytest.raises(base_model.BaseModelError) as caught, base.named():
        model_directory.read_description(base.directory)
    said = str(caught.value)
    assert said.startswith("2026-11-03 goes on from the model of 2026-11-02, which cannot be read: ")
    assert f"{base.directory} holds no model. Put" in said
    assert said.endswith("--backfill_from=2026-11-02.")
    assert "--model_dir" not in said


def test_what_is_said_of_another_model_stays(base, tmp_path):
    with pytest.raises(model_directory.ModelDirectoryError, match="other holds no model"), base.named():
        model_directory.read_description(tmp_path / "other")


_WAY_ON = "do all days again with --backfill_from=2026-11-01, or begin anew in another --state_dir and --export_dir."


def test_other_options_are_given_back_or_all_days_are_done_again(base):
    with pytest.raises(base_model.BaseModelError) as caught, base.named():
        raise warm_start.OtherOptionsError(base.directory, "--embedding_dim is 8 and was 16")
    assert str(caught.value) == (
        "2026-11-03 goes on from the model of 2026-11-02 and needs its options, but --embedding_dim is 8 and was 16. "
        f"Give those, {_WAY_ON}"
    )


def test_another_schema_is_no_damage(base, tmp_path):
    with pytest.raises(base_model.BaseModelError, match="but --schema is another") as caught, base.named():
        raise model_directory.OtherSchemaError(f"The model in {base.directory} was trained with another schema.")
    assert str(caught.value).endswith(_WAY_ON)
    with pytest.raises(model_directory.OtherSchemaError), base.named():
        raise model_directory.OtherSchemaError(f"The model in {tmp_path / 'other'} was trained with another schema.")
