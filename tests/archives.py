"""Archives of the tests, unpacked on every supported Python."""

import pathlib
import tarfile


def unpack(path: pathlib.Path, directory: pathlib.Path) -> None:
    """Unpacks an archive; Python before 3.11.4, as Debian 12 has it, knows no filters."""
    with tarfile.open(path) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(directory)
