"""The explorer's paths on the REST port of a running server."""

import contextlib
import json
import pathlib

import httpx
import pytest

import serving
from tests.serving import tiny_models
from tests.serving.server.explorer import explored_models, shelf_model

_PAGE = pathlib.Path(serving.__file__).parent / "server" / "explorer" / "page"
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_TITLES = {"a": "Alpha", "b": "<script>alert(1)</script>", '"\\\n🎬': "quoted", "": "nobody"}


@pytest.fixture(scope="module")
def shelf_dir(tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("shelf") / "model"
    shelf_model.export(model_dir)
    return model_dir


@contextlib.contextmanager
def _serving(base_path, **options):
    options = {"model_name": "shop", "port": 0, "explorer": True, **options}
    with (
        tiny_models.running_server(base_path, **options) as config,
        httpx.Client(base_url=f"http://127.0.0.1:{config.rest_api_port}", trust_env=False, timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def explorer(shelf_dir, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("explored") / "shop"
    shelf_model.publish(shelf_dir, base_path, 3, _TITLES)
    histories = explored_models.write_histories(base_path.parent / "interactions.parquet")
    with _serving(base_path, explorer_histories=histories) as client:
        yield client


@pytest.fixture(scope="module")
def without_explorer(playground):
    url = f"http://127.0.0.1:{playground.rest_api_port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client


def _titles(client, candidate_ids, version=3, **options):
    path = f"/explorer/models/shop/versions/{version}/titles"
    return client.post(path, **({"json": {"candidate_ids": candidate_ids}} | options))


@pytest.mark.parametrize("path", ["/", "/explorer/explorer.js", "/explorer/models", "/explorer/histories"])
def test_without_the_flag_there_is_no_such_path(without_explorer, path):
    answer = without_explorer.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": f"No such path: {path}; the API is under /v1/"})
    assert not set(_HEADERS) & set(answer.headers)


def test_the_page_comes_with_its_style_and_scripts_and_a_strict_policy(explorer):
    paths = {"/": "index.html"} | {f"/explorer/{path.name}": path.name for path in _PAGE.iterdir()}
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path, name in paths.items():
        answer = explorer.get(path)
        assert (answer.status_code, answer.content) == (200, (_PAGE / name).read_bytes()), path
        assert answer.headers["content-type"] == types[name.split(".")[-1]], path
        assert {header: answer.headers[header] for header in _HEADERS} == _HEADERS, path


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/explorer/", 404, "No such path: /explorer/; the explorer is at /"),
        ("GET", "/explorer/../explorer_api.py", 404, "No such path: /explorer_api.py; the API is under /v1/"),
        ("GET", "/explorer/%2e%2e%2fexplorer_api.py", 404, "No such path: /explorer/%2e%2e%2fexplorer_api.py; "),
        ("GET", "/elsewhere", 404, "No such path: /elsewhere; the API is under /v1/"),
        ("PUT", "/", 400, "Malformed request: PUT /"),
        ("POST", "/explorer/models", 400, "Malformed request: POST /explorer/models"),
        ("GET", "/explorer/models/shop/versions/3/titles", 400, "Malformed request: GET /explorer/models/shop/vers"),
        ("DELETE", "/explorer/histories", 400, "Malformed request: DELETE /explorer/histories"),
        ("GET", "/explorer/models/none/versions/3", 404, "Servable not found for request: Specific(none, 3)"),
        ("GET", "/explorer/models/shop/versions/9", 404, "Servable not found for request: Specific(shop, 9)"),
        ("GET", "/explorer/models/%3Cb%3E%2F/versions/1", 404, "Servable not found for request: Specific(<b>/, 1)"),
    ],
)
def test_what_cannot_be_answered_has_the_errors_of_the_api(explorer, method, path, status, text):
    answer = explorer.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(text)
    # The page is refused under the same policy as it is served, other paths as they always were.
    assert set(_HEADERS) <= set(answer.headers) or "the API is under" in text


def test_models_are_listed_with_their_states(explorer):
    assert explorer.get("/explorer/models").json() == {
        "models": [{"name": "shop", "versions": [{"version": "3", "state": "AVAILABLE", "error": ""}]}],
        "has_histories": True,
    }
    described = explorer.get("/explorer/models/shop/versions/3").json()
    assert (described["version"], described["recommends"]) == ("3", "serving_default")


def test_titles_are_answered_in_the_order_of_the_ids_and_unknown_ids_have_none(explorer):
    answer = _titles(explorer, ["b", "unknown", '"\\\n🎬', "a", "", "A", "b"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "columns": ["title"],
        "rows": [
            ["<script>alert(1)</script>"],
            None,
            ["quoted"],
            ["Alpha"],
            ["nobody"],
            None,
            ["<script>alert(1)</script>"],
        ],
    }
    assert _titles(explorer, []).json() == {"columns": ["title"], "rows": []}


@pytest.mark.parametrize("body", [b'{"candidate_ids": ["\\ud800", "a"]}', b'{"candidate_ids": ["\xff\xfe", "a"]}'])
def test_ids_that_are_no_text_have_no_title(explorer, body):
    assert _titles(explorer, None, json=None, content=body).json()["rows"] == [None, ["Alpha"]]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", 'Titles are asked for as {"candidate_ids": [...]}, a list of texts, but the request has no such list.'),
        (b'{"candidate_ids": [1]}', 'Titles are asked for as {"candidate_ids": [...]}, a list of texts, '),
        (b'{"candidate_ids": "a"}', 'Titles are asked for as {"candidate_ids": [...]}, a list of texts, '),
        (b"[]", "JSON Value: [] Is not object"),
        (b"", "JSON Parse error: The document is empty"),
        (b"<script>", "JSON Parse error: Invalid value. at offset: 0"),
        (
            json.dumps({"candidate_ids": ["a"] * 1001}).encode(),
            "One request may ask for 1000 titles, but asks for 1001; ask in parts.",
        ),
        (b" " * ((1 << 20) + 1), "A request of the explorer may have 1048576 bytes, but has 1048577; ask in parts."),
    ],
)
def test_titles_that_are_asked_for_wrongly_are_refused(explorer, body, text):
    answer = _titles(explorer, None, json=None, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(text)


def test_titles_follow_the_versions(shelf_dir, tmp_path):
    base_path = tmp_path / "shop"
    shelf_model.publish(shelf_dir, base_path, 1, {"a": "old"})
    with _serving(base_path) as client:
        assert _titles(client, ["a"], version=1).json()["rows"] == [["old"]]
        shelf_model.publish(shelf_dir, base_path, 2, {"a": "new"})
        tiny_models.wait_until(lambda: _titles(client, ["a"], version=2).status_code == 200)
        assert _titles(client, ["a"], version=2).json()["rows"] == [["new"]]
        tiny_models.wait_until(lambda: _titles(client, ["a"], version=1).status_code == 404)
        # A version without a table is no error.
        shelf_model.publish(shelf_dir, base_path, 3, None)
        tiny_models.wait_until(lambda: _titles(client, ["a"], version=3).status_code == 200)
        assert _titles(client, ["a"], version=3).json() == {"columns": [], "rows": [None]}
        states = client.get("/explorer/models").json()["models"][0]["versions"]
        assert states[0] == {"version": "3", "state": "AVAILABLE", "error": ""}


def test_a_table_that_cannot_be_read_is_told_and_the_model_answers(shelf_dir, tmp_path):
    base_path = tmp_path / "shop"
    shelf_model.publish(shelf_dir, base_path, 3, {"a": "A"})
    with _serving(base_path) as client:
        (base_path / "3" / "assets.extra" / "display.parquet").write_bytes(b"no parquet")
        answer = _titles(client, ["a"])
        assert (answer.status_code, "display.parquet cannot be read (" in answer.json()["error"]) == (500, True)
        assert client.post("/v1/models/shop:predict", json=_INSTANCE).status_code == 200


_INSTANCE = {"instances": [{"query_id": "u", "history": ["a"], "age": 1.0, "filter_genre": ["x"], "k": 2}]}


def test_the_api_beside_the_page_answers_as_ever(explorer):
    assert explorer.post("/v1/models/shop:predict", json=_INSTANCE).json() == {
        "predictions": [{"candidate_ids": ["a", "b"], "scores": [0.0, 0.0], "valid": [True, True]}]
    }
    for path, status in (("/v1/models/shop", 200), ("/v1/models/none", 404), ("/V1/models/shop/metadata", 200)):
        answer = explorer.get(path)
        assert answer.status_code == status
        assert not set(_HEADERS) & set(answer.headers)


def test_histories_are_answered_oldest_first(explorer):
    answer = explorer.post("/explorer/histories", json={"query_id": "u1"})
    assert answer.json() == {
        "candidate_ids": ["c4", "c17", "c1", "c2"],
        "timestamps": [10**15, 10**15 + 10**6, 10**15 + 2 * 10**6, 10**15 + 3 * 10**6],
        "num_interactions": 4,
    }
    assert explorer.get("/explorer/histories").json() == {"query_ids": ["u1", "u2"]}


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"query_id": "nobody"}, 404, "The histories hold nothing of this query; it is answered as a new one."),
        (
            {"query_id": 7},
            400,
            'A history is asked for as {"query_id": ...}, a text, but the request has no such text.',
        ),
        ({}, 400, 'A history is asked for as {"query_id": ...}, a text, but the request has no such text.'),
    ],
)
def test_a_history_that_is_not_there_or_asked_for_wrongly_is_refused(explorer, body, status, text):
    answer = explorer.post("/explorer/histories", json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": text})


def test_without_their_flag_there_are_no_histories_and_other_origins_never_read_them(shelf_dir, tmp_path):
    base_path = tmp_path / "shop"
    shelf_model.publish(shelf_dir, base_path, 3, None)
    with _serving(base_path, rest_api_enable_cors_support=True) as client:
        assert client.get("/explorer/models").json()["has_histories"] is False
        for answer in (client.get("/explorer/histories"), client.post("/explorer/histories", json={"query_id": "u1"})):
            assert answer.status_code == 404
            assert answer.json() == {"error": "Histories are answered only where --explorer_histories names a file."}
        # The API may be read by pages of other origins here, the explorer may not.
        assert client.get("/v1/models/shop").headers["access-control-allow-origin"] == "*"
        for method, path in (("GET", "/"), ("OPTIONS", "/explorer/models"), ("GET", "/explorer/models")):
            answer = client.request(method, path, headers={"Origin": "http://elsewhere.example"})
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
