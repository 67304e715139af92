"""What each path of the explorer answers: its files, the models, titles of candidates, histories. No sockets here.

    GET  /                                                 the page
    GET  /explorer/<file>                                  its style and scripts
    GET  /explorer/models                                  every model, its versions and their states
    GET  /explorer/models/<model>/versions/<version>       signatures and description of one
    POST /explorer/models/<model>/versions/<version>/titles    {"candidate_ids": [...]}
    GET  /explorer/histories                               some query ids, with --explorer_histories
    POST /explorer/histories                               {"query_id": ...}

Recommendations themselves the page asks of the REST API, as any other client.
"""

import json
import pathlib
import re
import urllib.parse
from typing import Any

from absl import logging
from tensorflow_serving.apis import model_pb2

from serving import errors
from serving.server import cancellation as cancellation_lib
from serving.server import json_document, model_registry, rest_api
from serving.server.explorer import display_tables, histories, model_listing, page_files

# Nothing from elsewhere, nothing inline, no frame around it: what comes from data can only ever be text.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MOST_TITLES = 1000
_PAGE, _ROOT = "/", "/explorer/"
_MOST_BODY_BYTES = 1 << 20
_MODELS, _HISTORIES = f"{_ROOT}models", f"{_ROOT}histories"
_VERSION = re.compile(rf"{_MODELS}/(?P<model>[^/]+)/versions/(?P<version>[0-9]{{1,18}})(?P<titles>/titles)?", re.ASCII)


class ExplorerApi:
    """Answers from the models of a registry. Calls may run at once from many threads.

    Attributes:
      headers: of every answer, errors too.

    Args:
      models: what is explored.
      histories_path: a file of interactions; `None` shows no histories.
    """

    headers = _HEADERS

    def __init__(self, models: model_registry.ModelRegistry, histories_path: pathlib.Path | None = None):
        self._models = models
        self._files = page_files.PageFiles()
        self._tables = display_tables.DisplayTables()
        self._histories = histories.Histories(histories_path) if histories_path else None

    def owns(self, path: str) -> bool:
        """Returns whether a path is the explorer's to answer."""
        return path == _PAGE or path.startswith(_ROOT)

    def answer(
        self,
        method: str,
        path: str,
        body: bytes,
        deadline: float | None = None,
        cancellation: cancellation_lib.Cancellation | None = None,
    ) -> rest_api.RestAnswer:
        """Returns the answer to a request; what goes wrong becomes its status and `{"error": ...}`.

        Args:
          method, path, body, deadline, cancellation: as of `RestApi.answer`.
        """
        del deadline, cancellation
        try:
            return self._answer(method, path, body)
        except errors.ServingError as error:
            return rest_api.error_answer(error)
        except Exception:
            logging.exception("%s %s failed", method, path)
            return rest_api.error_answer(errors.InternalError(f"{method} {path} failed; the server's log says why."))

    def _answer(self, method: str, path: str, body: bytes) -> rest_api.RestAnswer:
        name = "index.html" if path == _PAGE else path.removeprefix(_ROOT)
        if name in self._files and method == "GET":
            return rest_api.RestAnswer(200, *self._files.content(name))
        if method == "GET" and path == _MODELS:
            listed = model_listing.list_models(self._models)
            return _json_answer({"models": listed, "has_histories": self._histories is not None})
        if match := _VERSION.fullmatch(path):
            if method == "GET" and not match["titles"]:
                return self._describe(_model_spec(match))
            if method == "POST" and match["titles"]:
                return self._titles(_model_spec(match), _document(body))
        if path == _HISTORIES and method in ("GET", "POST"):
            return self._history(None if method == "GET" else _document(body))
        if name in self._files or path in (_MODELS, _HISTORIES) or _VERSION.fullmatch(path):
            raise errors.InvalidArgumentError(f"Malformed request: {method} {path}")
        raise errors.NotFoundError(f"No such path: {path}; the explorer is at {_PAGE}")

    def _describe(self, model_spec: model_pb2.ModelSpec) -> rest_api.RestAnswer:
        with self._models.lease(model_spec) as model:
            return _json_answer(model_listing.describe(model))

    def _titles(self, model_spec: model_pb2.ModelSpec, document: dict[str, Any]) -> rest_api.RestAnswer:
        candidate_ids = document.get("candidate_ids")
        if not isinstance(candidate_ids, list) or not all(isinstance(each, str) for each in candidate_ids):
            raise errors.InvalidArgumentError(
                'Titles are asked for as {"candidate_ids": [...]}, a list of texts, but the request has no such list.'
            )
        if len(candidate_ids) > MOST_TITLES:
            raise errors.InvalidArgumentError(
                f"One request may ask for {MOST_TITLES} titles, but asks for {len(candidate_ids)}; ask in parts."
            )
        with self._models.lease(model_spec) as model:
            table = self._tables.of(model)
            if table is None:
                return _json_answer({"columns": [], "rows": [None] * len(candidate_ids)})
            return _json_answer({"columns": table.columns, "rows": table.rows(candidate_ids)})

    def _history(self, document: dict[str, Any] | None) -> rest_api.RestAnswer:
        if self._histories is None:
            raise errors.NotFoundError("Histories are answered only where --explorer_histories names a file.")
        if document is None:
            return _json_answer({"query_ids": self._histories.some_query_ids()})
        query_id = document.get("query_id")
        if not isinstance(query_id, str):
            raise errors.InvalidArgumentError(
                'A history is asked for as {"query_id": ...}, a text, but the request has no such text.'
            )
        return _json_answer(self._histories.newest_of(query_id))


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > _MOST_BODY_BYTES:
        raise errors.InvalidArgumentError(
            f"A request of the explorer may have {_MOST_BODY_BYTES} bytes, but has {len(body)}; ask in parts."
        )
    return json_document.parse(body)


def _model_spec(match: re.Match) -> model_pb2.ModelSpec:
    name = urllib.parse.unquote(match["model"], errors="replace")
    return model_pb2.ModelSpec(name=name, version={"value": int(match["version"])})


def _json_answer(content: dict[str, Any]) -> rest_api.RestAnswer:
    # Only ASCII, so that halves of surrogate pairs in a name cannot break the answer.
    return rest_api.RestAnswer(200, json.dumps(content, allow_nan=False).encode())
