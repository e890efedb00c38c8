import gc

import pytest

from hypercolumns.cluster.imports import without_garbage_collection


def test_garbage_is_collected_again_after_imports_that_fail() -> None:
    def import_nothing() -> None:
        with without_garbage_collection():
            assert not gc.isenabled()
            raise ImportError

    with pytest.raises(ImportError):
        import_nothing()
    assert gc.isenabled()
