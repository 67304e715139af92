"""What an export says of itself: `assets.extra/manifest.json`, beside the warm-up requests."""

import hashlib
import json
import pathlib

FORMAT_VERSION = 1
_PATH = pathlib.PurePath("assets.extra", "manifest.json")


class ManifestError(ValueError):
    """An export has no manifest, or one of another format."""


def write_manifest(export_dir: pathlib.Path, manifest: dict) -> None:
    """Writes the manifest, with the SHA-256 of every other file, into an export that is complete but for it."""
    path = export_dir / _PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {name: _sha256(export_dir / name) for name in _files(export_dir)}
    content = {"format_version": None} | manifest | {"format_version": FORMAT_VERSION, "files": files}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_manifest(export_dir: str | pathlib.Path) -> dict:
    """Returns the manifest of an export.

    Raises:
      ManifestError: if it is missing, unreadable or of another format.
    """
    path = pathlib.Path(export_dir) / _PATH
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ManifestError(f"{export_dir} has no readable {_PATH} ({error}); export again.") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != FORMAT_VERSION:
        raise ManifestError(
            f"{path} has format_version {version!r}, but this version reads {FORMAT_VERSION}; export again."
        )
    return manifest


def require_unchanged_files(export_dir: str | pathlib.Path, manifest: dict) -> None:
    """Checks that an export holds what it held when it was published.

    Raises:
      ManifestError: on a file that is missing, new or changed; the message names it.
    """
    expected = manifest.get("files", {})
    found = _files(pathlib.Path(export_dir))
    for name in sorted({*expected, *found}):
        if name not in found or expected.get(name) != _sha256(pathlib.Path(export_dir) / name):
            raise ManifestError(f"{export_dir}/{name} is not as it was published; remove the version and export again.")


def _files(export_dir: pathlib.Path) -> list[str]:
    found = (path.relative_to(export_dir) for path in export_dir.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if path != pathlib.Path(_PATH))


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
