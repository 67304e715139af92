from pipelines import source_digest


def test_the_digest_differs_with_a_source_and_only_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(source_digest, "_ROOT", tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.py").write_text("x = 1")
    (tmp_path / "b.py").write_text("y = 1")
    before = source_digest.source_sha256("model", "b.py")
    (tmp_path / "model" / "notes.txt").write_text("no source")
    assert source_digest.source_sha256("model", "b.py") == before
    (tmp_path / "model" / "a.py").write_text("x = 2")
    assert source_digest.source_sha256("model", "b.py") != before
    assert source_digest.source_sha256("model") != source_digest.source_sha256("b.py")
