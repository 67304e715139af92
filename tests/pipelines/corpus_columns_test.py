import pytest

from pipelines import corpus_columns, export


@pytest.mark.parametrize(
    ("flag", "name", "sentence"),
    [
        ("display_columns", "poster", r"--display_columns names 'poster', which the prepared"),
        (
            "filter_columns",
            "colour",
            r"--filter_columns names 'colour', which is no candidate feature of the schema; it has ",
        ),
        (
            "filter_columns",
            "price",
            r"--filter_columns takes features of kind categorical, multivalent, id, but 'price' is numeric;",
        ),
    ],
)
def test_columns_that_are_not_there_or_cannot_filter_are_refused(line, tmp_path, flag, name, sentence):
    options = {"index": "brute_force", "k": 20, flag: (name,)}
    config = export.ExportConfig(line.prepared_dir, line.model_dir, str(tmp_path / "shop"), **options)
    with pytest.raises(corpus_columns.CorpusColumnError, match=sentence):
        export.run(config)
