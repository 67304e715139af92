"""The display tables of the versions that serve, each read when it is first asked for and freed with its version."""

import threading
import weakref

from serving.server import lent_version
from serving.server.explorer import display_table


class DisplayTables:
    """Finds the table of a version. Calls may come at once from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A number may come back with other files, so what counts is the loaded version, not its number.
        self._tables: weakref.WeakKeyDictionary[object, display_table.DisplayTable | None] = weakref.WeakKeyDictionary()

    def of(self, model: lent_version.LentVersion) -> display_table.DisplayTable | None:
        """Returns the table of a lent version; `None` if it has none.

        Raises:
          DataLossError: if it has one that cannot be read.
        """
        with self._lock:
            if model.lifetime not in self._tables:
                self._tables[model.lifetime] = display_table.read(model.model_dir) if model.model_dir else None
            return self._tables[model.lifetime]
