"""The files that a browser loads for the explorer: one page, its style and its scripts, shipped inside the package."""

import importlib.resources

_CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class PageFiles:
    """What is in the folder `page`, read once: by name, and nothing else can be asked for."""

    def __init__(self) -> None:
        folder = importlib.resources.files(__package__) / "page"
        self._files = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def content(self, name: str) -> tuple[bytes, str]:
        """Returns a file that is there, and its media type."""
        return self._files[name], _CONTENT_TYPES[name[name.rindex(".") :]]
