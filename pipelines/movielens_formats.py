"""MovieLens-100K as GroupLens and as RecBole write it, read into the same three tables."""

import hashlib
import pathlib
import re

import pyarrow as pa

# GroupLens marks genres by flags in this order (its file u.genre).
GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)

GROUPLENS_FILES = ("u.data", "u.item", "u.user")
RECBOLE_FILES = ("ml-100k.inter", "ml-100k.item", "ml-100k.user")

# Of all rows but titles and file positions: RecBole rewrote titles, and GroupLens's alone cannot vouch for theirs.
CONTENT_SHA256 = "5818c211ae3cf8eea9dab74e44c3927d7ee14222ec3868988d9062f3b3564d41"

_TITLE = re.compile(r"(?P<title>.*?)\s*\((?P<year>[0-9]{4})\)(\s*\(V\))?")
# GroupLens's one film without a name or year stands so in RecBole's file.
_RECBOLE_UNKNOWN = "unkonwn"


class MovielensError(ValueError):
    """MovieLens-100K cannot be had or is not what it should be; the message names the ways to get it."""


def read_folder(folder: pathlib.Path) -> dict[str, pa.Table] | None:
    """Returns `interactions`, `candidates` and `queries` of a folder in either format, or `None` if it has neither.

    Raises:
      MovielensError: if a line has too few fields or a field is no number; file and line are named.
    """
    if all((folder / name).is_file() for name in GROUPLENS_FILES):
        return _read_grouplens(folder)
    if all((folder / name).is_file() for name in RECBOLE_FILES):
        return _read_recbole(folder)
    return None


def content_sha256(tables: dict[str, pa.Table]) -> str:
    """Returns one digest of the rows of all tables, whatever their order; titles and file positions are not in it."""
    digest = hashlib.sha256()
    for name in ("interactions", "candidates", "queries"):
        columns = [column for column in tables[name].column_names if column not in ("title", "row")]
        values = tables[name].select(columns).to_pydict().values()
        rows = sorted("\t".join(map(str, row)) for row in zip(*values, strict=True))
        digest.update("\n".join([name, *columns, *rows, ""]).encode())
    return digest.hexdigest()


def _read_grouplens(folder: pathlib.Path) -> dict[str, pa.Table]:
    items = [
        (item_id, title, [genre for genre, flag in zip(GENRES, flags, strict=False) if flag == "1"])
        for item_id, title, _, _, _, *flags in _fields(folder / "u.item", "|", 5 + len(GENRES), "latin-1")
    ]
    return {
        "interactions": _interactions(_fields(folder / "u.data", "\t", 4), folder / "u.data"),
        "candidates": _candidates(items),
        "queries": _queries(_fields(folder / "u.user", "|", 5), folder / "u.user"),
    }


def _read_recbole(folder: pathlib.Path) -> dict[str, pa.Table]:
    inter, item, user = (folder / name for name in RECBOLE_FILES)
    items = [
        # Its year is what stood in GroupLens's last brackets.
        (item_id, "unknown" if year == _RECBOLE_UNKNOWN else f"{title} ({year})", genres.split())
        for item_id, title, year, genres in _fields(item, "\t", 4)[1:]
    ]
    return {
        "interactions": _interactions(_fields(inter, "\t", 4)[1:], inter),
        "candidates": _candidates(items),
        "queries": _queries(_fields(user, "\t", 5)[1:], user),
    }


def _interactions(rows: list[list[str]], path: pathlib.Path) -> pa.Table:
    users, items, ratings, times = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            "user_id": pa.array(users, pa.string()),
            "item_id": pa.array(items, pa.string()),
            "rating": _integers(ratings, path),
            "timestamp": _integers(times, path),
            "row": pa.array(range(len(rows)), pa.int64()),
        }
    )


def _candidates(items: list[tuple[str, str, list[str]]]) -> pa.Table:
    matches = [_TITLE.fullmatch(title.strip()) for _, title, _ in items]
    titles = [match["title"] if match else title.strip() for match, (_, title, _) in zip(matches, items, strict=True)]
    return pa.table(
        {
            "item_id": pa.array([item_id for item_id, _, _ in items], pa.string()),
            "title": pa.array(titles, pa.string()),
            "release_year": pa.array([int(match["year"]) if match else None for match in matches], pa.int64()),
            "genres": pa.array([genres for _, _, genres in items], pa.list_(pa.string())),
        }
    )


def _queries(rows: list[list[str]], path: pathlib.Path) -> pa.Table:
    users, ages, genders, occupations, zip_codes = zip(*rows, strict=True) if rows else ((),) * 5
    return pa.table(
        {
            "user_id": pa.array(users, pa.string()),
            "age": _integers(ages, path),
            "gender": pa.array(genders, pa.string()),
            "occupation": pa.array(occupations, pa.string()),
            "zip_code": pa.array(zip_codes, pa.string()),
        }
    )


def _fields(path: pathlib.Path, separator: str, count: int, encoding: str = "utf-8") -> list[list[str]]:
    try:
        lines = path.read_text(encoding=encoding).split("\n")
    except UnicodeDecodeError as error:
        raise MovielensError(f"{path} must be {encoding}, but byte {error.start} is not; fetch it again.") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        fields = line.rstrip("\r").split(separator)
        if len(fields) != count:
            raise MovielensError(
                f"{path}, line {number} must have {count} fields, but has {len(fields)}; fetch the file again."
            )
        rows.append(fields)
    return rows


def _integers(values: tuple[str, ...], path: pathlib.Path) -> pa.Array:
    try:
        return pa.array([int(value) for value in values], pa.int64())
    except ValueError as error:
        raise MovielensError(f"{path} must hold whole numbers, but {error}; fetch the file again.") from error
