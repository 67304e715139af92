"""A digest of the code, so that an old result is never taken for that of changed code."""

import hashlib
import pathlib

_ROOT = pathlib.Path(__file__).parents[1]


def source_sha256(*paths: str) -> str:
    """Returns 64 hexadecimal digits that differ whenever one of the sources does.

    Args:
      paths: Python files, or folders of them, from the folder that holds the packages.
    """
    digest = hashlib.sha256()
    for path in paths:
        found = _ROOT / path
        for source in sorted(found.rglob("*.py")) if found.is_dir() else [found]:
            digest.update(source.relative_to(_ROOT).as_posix().encode() + b"\0")
            digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()
