from tests.serving.conftest import upstream_dir

__all__ = ["upstream_dir"]
