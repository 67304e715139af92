"""What an export says of itself: `assets.extra/manifest.json`, beside the warm-up requests.

Format 1 names the inputs of the one signature there was; format 2 names those of every signature, and carries a digest
of itself. Whatever was published in either is still read.
"""

import hashlib
import json
import os
import pathlib

FORMAT_VERSION = 2
_READ_FORMATS = (1, 2)
_WITHOUT_DIGEST = 1
_DIGEST = "manifest_sha256"
_PATH = pathlib.PurePath("assets.extra", "manifest.json")


class ManifestError(ValueError):
    """An export that says nothing readable of itself, or is not as it was published."""


def write_manifest(export_dir: pathlib.Path, manifest: dict) -> None:
    """Writes the manifest, with the SHA-256 of every other file, into an export that is complete but for it."""
    path = export_dir / _PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {name: _sha256(export_dir / name) for name in _files(export_dir)}
    content = {"format_version": None} | manifest | {"format_version": FORMAT_VERSION, "files": files}
    content |= {_DIGEST: _digest_of(content)}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_manifest(export_dir: str | os.PathLike[str]) -> dict:
    """Returns the manifest of an export, in the format in which it was published.

    Raises:
      ManifestError: if it is missing, unreadable, changed or of a format that is not known.
    """
    path = pathlib.Path(export_dir) / _PATH
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ManifestError(f"{export_dir} has no readable {_PATH} ({error}); export again.") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if isinstance(version, bool) or version not in _READ_FORMATS:
        known = ", ".join(map(str, _READ_FORMATS))
        raise ManifestError(
            f"{path} has format_version {version!r}, but this version reads {known}; export again, or serve it with "
            "the version that wrote it."
        )
    if version != _WITHOUT_DIGEST and manifest.get(_DIGEST) != _digest_of(manifest):
        raise ManifestError(f"{path} is not as it was published; remove the version and export again.")
    return manifest


def require_unchanged_files(export_dir: str | os.PathLike[str], manifest: dict) -> None:
    """Checks that an export holds what it held when it was published.

    Raises:
      ManifestError: on a file that is missing, new or changed; the message names it.
    """
    expected = manifest.get("files", {})
    try:
        found = {name: _sha256(pathlib.Path(export_dir) / name) for name in _files(pathlib.Path(export_dir))}
    except OSError as error:
        raise ManifestError(f"{error.filename} cannot be read ({error.strerror}); make it readable.") from error
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            raise ManifestError(f"{export_dir}/{name} is not as it was published; remove the version and export again.")


def require_as_published(model_dir: str | os.PathLike[str]) -> None:
    """Checks a folder that is about to be loaded; a SavedModel that some other program wrote has no manifest.

    Reads every file once, about a second per 2 GB.

    Raises:
      ManifestError: if there is a manifest and the folder is not as it says.
    """
    if (pathlib.Path(model_dir) / _PATH).exists():
        require_unchanged_files(model_dir, read_manifest(model_dir))


def _files(export_dir: pathlib.Path) -> list[str]:
    found = (path.relative_to(export_dir) for path in export_dir.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if path != pathlib.Path(_PATH))


def _digest_of(manifest: dict) -> str:
    content = {name: value for name, value in manifest.items() if name != _DIGEST}
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
