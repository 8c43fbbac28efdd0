"""What importing kNN does besides."""

import logging

import wildsage.algorithms.knn  # noqa: F401


def test_faiss_says_nothing_below_a_warning(caplog):
    caplog.set_level(logging.INFO)
    loader = logging.getLogger("faiss.loader")
    loader.info("Loading faiss with AVX2 support.")
    loader.warning("no build fits")
    assert [record.message for record in caplog.records] == ["no build fits"]
