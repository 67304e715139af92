"""What an export says of itself: `assets.extra/manifest.json`, beside the warm-up and the titles."""

import json
import pathlib

FORMAT_VERSION = 1
_PATH = pathlib.PurePath("assets.extra", "manifest.json")


class ManifestError(ValueError):
    """An export has no manifest, or one of another format."""


def write_manifest(export_dir: pathlib.Path, manifest: dict) -> None:
    """Writes the manifest into an export that is still being built."""
    path = export_dir / _PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format_version": None} | manifest | {"format_version": FORMAT_VERSION}
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
