import pathlib

import pytest

from pipelines import movielens_formats

# Three films in the words of both sources: a plain one, one with a second title and (V), the one without a name.
_FLAGS = {
    "Toy Story": "0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0",
    "Mépris": "0|0|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0",
    "unknown": "1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0",
}
GROUPLENS = {
    "u.data": "196\t242\t3\t881250949\n186\t1\t5\t891717742\n",
    "u.item": (
        f"1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|{_FLAGS['Toy Story']}\n"
        f"242|Contempt (Mépris, Le) (1963) (V)|01-Jan-1963||http://us.imdb.com/x|{_FLAGS['Mépris']}\n"
        f"267|unknown||||{_FLAGS['unknown']}\n"
    ),
    "u.user": "186|24|M|technician|85711\n196|53|F|other|T8H1N\n",
}
RECBOLE = {
    "ml-100k.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + GROUPLENS["u.data"],
    "ml-100k.item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tToy Story\t1995\tAnimation Children's Comedy\n"
        "242\tContempt (Mépris, Le) (1963)\tV\tDrama\n"
        "267\tunkonwn\tunkonwn\tunknown\n"
    ),
    "ml-100k.user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    "186\t24\tM\ttechnician\t85711\n196\t53\tF\tother\tT8H1N\n",
}


def write_grouplens(folder: pathlib.Path, **changes: str) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (GROUPLENS | changes).items():
        (folder / name).write_bytes(text.encode("latin-1" if name == "u.item" else "utf-8"))
    return folder


def write_recbole(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in RECBOLE.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("write", [write_grouplens, write_recbole])
def test_either_format_gives_the_same_three_tables(tmp_path, write):
    tables = movielens_formats.read_folder(write(tmp_path))
    assert tables["interactions"].to_pylist() == [
        {"user_id": "196", "item_id": "242", "rating": 3, "timestamp": 881250949, "row": 0},
        {"user_id": "186", "item_id": "1", "rating": 5, "timestamp": 891717742, "row": 1},
    ]
    assert tables["candidates"].to_pylist() == [
        {"item_id": "1", "title": "Toy Story", "release_year": 1995, "genres": ["Animation", "Children's", "Comedy"]},
        {"item_id": "242", "title": "Contempt (Mépris, Le)", "release_year": 1963, "genres": ["Drama"]},
        {"item_id": "267", "title": "unknown", "release_year": None, "genres": ["unknown"]},
    ]
    assert tables["queries"].to_pylist() == [
        {"user_id": "186", "age": 24, "gender": "M", "occupation": "technician", "zip_code": "85711"},
        {"user_id": "196", "age": 53, "gender": "F", "occupation": "other", "zip_code": "T8H1N"},
    ]


def test_the_digest_is_the_same_for_both_formats_and_any_order_and_sees_a_changed_rating(tmp_path):
    grouplens = movielens_formats.read_folder(write_grouplens(tmp_path / "g"))
    recbole = movielens_formats.read_folder(write_recbole(tmp_path / "r"))
    expected = movielens_formats.content_sha256(grouplens)
    assert movielens_formats.content_sha256(recbole) == expected
    backwards = {name: table.take(list(range(table.num_rows))[::-1]) for name, table in grouplens.items()}
    assert movielens_formats.content_sha256(backwards) == expected
    changed = {"u.data": GROUPLENS["u.data"].replace("\t3\t", "\t4\t")}
    other = movielens_formats.read_folder(write_grouplens(tmp_path / "o", **changed))
    assert movielens_formats.content_sha256(other) != expected


def test_a_folder_with_neither_format_is_none(tmp_path):
    (tmp_path / "u.data").touch()
    assert movielens_formats.read_folder(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"u.data": "1\t2\t3\t4\n1\t2\t3\n"}, r"u\.data, line 2 must have 4 fields, but has 3"),
        ({"u.data": "1\t2\tthree\t4\n"}, r"u\.data must hold whole numbers, but .*'three'"),
        ({"u.item": "1|Toy Story (1995)|01-Jan-1995\n"}, r"u\.item, line 1 must have 24 fields, but has 3"),
        ({"u.user": "1|24|M|techn\u00e9|\n1|"}, r"u\.user, line 2 must have 5 fields, but has 2"),
    ],
)
def test_a_broken_line_is_named(tmp_path, changes, sentence):
    with pytest.raises(movielens_formats.MovielensError, match=sentence):
        movielens_formats.read_folder(write_grouplens(tmp_path, **changes))


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    write_grouplens(tmp_path)
    (tmp_path / "u.user").write_bytes(b"1|24|M|\xe9|1\n")
    with pytest.raises(movielens_formats.MovielensError, match=r"u\.user must be utf-8, but byte 7 is not"):
        movielens_formats.read_folder(tmp_path)
