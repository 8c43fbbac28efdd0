"""Imports of large packages."""

import gc

import pytest

from wildsage.algorithms.base.imports import lasting


@pytest.fixture(autouse=True)
def collector_as_before():
    """What a test freezes may be garbage of others."""
    frozen = gc.get_freeze_count()
    yield
    assert gc.isenabled()
    if not frozen:
        gc.unfreeze()


def test_no_garbage_is_looked_for_meanwhile_nor_among_what_was_there():
    frozen = gc.get_freeze_count()
    with lasting():
        assert not gc.isenabled()
        made = [[]]
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen
    assert not any(each is made for each in gc.get_objects())


def test_an_import_that_fails_leaves_the_collector_on():
    with pytest.raises(ImportError), lasting():
        import no_such_module  # noqa: F401
    assert gc.isenabled()
