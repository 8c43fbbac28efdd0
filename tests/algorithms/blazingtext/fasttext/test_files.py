"""Files of fastText's own library are read and answered alike, and files of ours load there."""

import math
import struct
import tarfile
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("numba")
fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")

from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.blazingtext.fasttext import files, hashing, losses  # noqa: E402
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords  # noqa: E402

LINES = [
    "cow hay the barn",
    "ship and zürich sail",
    "moon storm of",
    "nobody knows these",
    "",
    "the __label__sea tide 東京",
]


def library_model(path, training_file, **options):
    """A model that fastText trained and saved."""
    settings = {"epoch": 20, "lr": 0.1, "dim": 10, "minCount": 1, "bucket": 500, "thread": 1, "verbose": 0} | options
    model = fasttext.train_supervised(str(training_file), **settings)
    model.save_model(str(path))
    return model


def answer(library, line, k):
    """The labels and probabilities of a line, past the library's wrapper, which fails with NumPy 2."""
    found = library.f.predict(line + "\n", k, 0.0, "strict")
    return [label for _, label in found], [chance for chance, _ in found]


def assert_same_answers(path, library):
    ours = files.read(path)
    for line in LINES:
        labels, chances = answer(library, line, 3)
        found = ours.predict(line.encode(), 3)
        # float32 sums in another order
        np.testing.assert_allclose([chance for _, chance in found], chances, rtol=1e-5, atol=1e-6)
        if len(set(np.round(chances, 5))) == len(chances):
            assert [label.decode() for label, _ in found] == labels


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize("options", [{"wordNgrams": 3}, {"minn": 2, "maxn": 4, "wordNgrams": 2}, {}])
def test_a_classifier_of_the_library_predicts_the_same_here(tmp_path, training_file, loss, options):
    library = library_model(tmp_path / "model.bin", training_file, loss=loss, **options)
    assert_same_answers(tmp_path / "model.bin", library)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize(
    "options", [{"qnorm": True, "dsub": 3}, {"qnorm": False, "dsub": 2}, {"cutoff": 300, "qnorm": True}]
)
def test_a_quantised_classifier_predicts_the_same_here(tmp_path, training_file, options, loss):
    library = library_model(tmp_path / "model.bin", training_file, wordNgrams=2, bucket=1000, loss=loss)
    library.quantize(input=str(training_file), **options)
    library.save_model(str(tmp_path / "model.ftz"))
    assert_same_answers(tmp_path / "model.ftz", library)


@pytest.mark.parametrize("loss", ["softmax", "hs"])
def test_a_quantised_output_matrix_is_read(tmp_path, loss):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"__label__l{n} word{n} word{n % 7} third{n % 13} other{n % 31}\n" for n in range(300)))
    library = library_model(tmp_path / "model.bin", path, dim=4, loss=loss)
    library.quantize(qout=True)
    library.save_model(str(tmp_path / "model.ftz"))
    ours = files.read(tmp_path / "model.ftz")
    for n in (0, 17, 299):
        text = f"word{n} other{n % 31}"
        _, chances = answer(library, text, 5)
        np.testing.assert_allclose([chance for _, chance in ours.predict(text.encode(), 5)], chances, rtol=1e-4)


@pytest.mark.parametrize("model", ["cbow", "skipgram"])
@pytest.mark.parametrize("longest", [0, 5])
def test_word_vectors_of_the_library_are_the_same_here(tmp_path, training_file, model, longest):
    options = {
        "dim": 10,
        "epoch": 1,
        "minCount": 1,
        "bucket": 300,
        "thread": 1,
        "verbose": 0,
        "minn": 2,
        "maxn": longest,
    }
    library = fasttext.train_unsupervised(str(training_file), model=model, **options)
    library.save_model(str(tmp_path / "vectors.bin"))
    ours = files.read(tmp_path / "vectors.bin")
    for word in ("the", "cow", "zürich", "</s>", "unheard", "東"):
        np.testing.assert_allclose(ours.vector(word.encode()), library.get_word_vector(word), rtol=1e-5, atol=1e-7)


def test_the_golden_model_is_read_as_the_library_reads_it(golden, tmp_path):
    with tarfile.open(golden / "blazingtext" / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    ours, library = files.read(tmp_path / "vectors.bin"), fasttext.load_model(str(tmp_path / "vectors.bin"))
    assert [word.decode() for word in ours.dictionary.words] == library.get_words()
    for word in library.get_words():
        np.testing.assert_array_equal(ours.vector(word.encode()), library.get_word_vector(word))
    assert not ours.supervised and ours.dictionary.tokens == 6952


def test_the_golden_model_is_written_with_the_same_bytes(golden, tmp_path):
    with tarfile.open(golden / "blazingtext" / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    ours = files.read(tmp_path / "vectors.bin")
    matrix, words = ours.source.values_rd, ours.dictionary.words
    header = files.Header(
        100, kind=files.ModelKind.BATCH_SKIPGRAM, shortest=3, sampling_threshold=float(np.float32(1e-4))
    )
    files.write(tmp_path / "again.bin", header, ours.dictionary, matrix, ours.target.values_rd)
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "vectors.bin").read_bytes()
    assert b"".join(files.text_vectors(words, matrix)) == (tmp_path / "vectors.txt").read_bytes()


def test_hashes_are_the_librarys():
    """FNV-1a of 32 bits; bytes above 127 are signed there, which 'é' shows."""
    assert [hashing.fnv1a(text) for text in (b"", b"a", b"foobar")] == [2166136261, 3826002220, 3214735720]
    assert hashing.fnv1a("é".encode()) != _unsigned("é".encode())
    assert list(hashing.word_ngrams([1, 2, 3], 2)) == [116049371 + 2, 2 * 116049371 + 3]
    assert list(hashing.word_ngrams([0xFFFFFFFF, 1], 2)) == [2**64 - 116049371 + 1]


def _unsigned(text: bytes) -> int:
    found = hashing.FNV_BASIS
    for byte in text:
        found = ((found ^ byte) * hashing.FNV_PRIME) & hashing.MASK32
    return found


def test_the_tree_of_labels_gives_probabilities_that_sum_to_one():
    children = losses.huffman_children([9, 5, 3, 2, 1])
    found = losses.likeliest_leaves(children, [0.3, -1, 2, 0.5].__getitem__, 5)
    assert sorted(label for label, _ in found) == [0, 1, 2, 3, 4]
    assert math.isclose(sum(chance for _, chance in found), 1, abs_tol=1e-3)
    assert [chance for _, chance in found] == sorted((chance for _, chance in found), reverse=True)


def test_the_search_of_the_tree_finds_the_best_of_all_leaves():
    rng = np.random.default_rng(0)
    counts = sorted(rng.integers(1, 1000, 300).tolist(), reverse=True)
    children, scores = losses.huffman_children(counts), rng.normal(0, 2, 299).tolist()
    everything = losses.likeliest_leaves(children, scores.__getitem__, 300)
    for count in (1, 3, 20):
        assert losses.likeliest_leaves(children, scores.__getitem__, count) == everything[:count]


def test_a_tree_of_one_label_is_certain():
    assert losses.likeliest_leaves([], [].__getitem__, 3) == [(0, 1.0)]


def whole_file(tmp_path) -> bytes:
    dictionary = Dictionary([b"a", b"b"], [b"__label__x", b"__label__y"], [4, 3, 2, 1], 10, Subwords(5, 0, 0, 2))
    header = files.Header(
        3, word_ngrams=2, loss=losses.FastTextLoss.SOFTMAX, kind=files.ModelKind.SUPERVISED, buckets=5
    )
    files.write(tmp_path / "whole.bin", header, dictionary, np.ones((7, 3), np.float32), np.eye(2, 3, dtype=np.float32))
    return (tmp_path / "whole.bin").read_bytes()


def test_a_file_of_ours_loads_in_the_library(tmp_path):
    whole_file(tmp_path)
    library = fasttext.load_model(str(tmp_path / "whole.bin"))
    assert library.get_labels() == ["__label__x", "__label__y"]
    assert_same_answers(tmp_path / "whole.bin", library)


def test_a_file_that_ends_early_is_rejected(tmp_path):
    content = whole_file(tmp_path)
    for size in range(len(content)):
        (tmp_path / "cut.bin").write_bytes(content[:size])
        with pytest.raises(
            UserError, match=r"cut\.bin is not a model of fastText or BlazingText: it ends after \d+ bytes"
        ):
            files.read(tmp_path / "cut.bin")


@pytest.mark.parametrize(
    ("place", "number", "problem"),
    [
        (0, 7, "it begins with 7 and version 12"),
        (4, 13, "version 13"),
        (8, -1, "its settings are"),
        (32, 9, "its settings are"),
        (28, 256, "its wordNgrams is 256, expected at most 255"),
        (48, 2_000_000_000, "its maxn is 2000000000, expected at most 255"),
        (64, 5, "its dictionary has 5 entries, 2 words and 2 labels"),
        (40, 6, r"its matrices have shapes \(7, 3\) and \(2, 3\), its dictionary asks for \(\(8, 3\), \(2, 3\)\)"),
    ],
)
def test_numbers_that_do_not_fit_together_are_rejected(tmp_path, place, number, problem):
    content = bytearray(whole_file(tmp_path))
    struct.pack_into("<i", content, place, number)
    (tmp_path / "wrong.bin").write_bytes(content)
    with pytest.raises(UserError, match=problem):
        files.read(tmp_path / "wrong.bin")


@pytest.mark.parametrize("loss", losses.FastTextLoss)
@pytest.mark.parametrize("matrix", ["source", "target"])
def test_no_answer_comes_from_nan(tmp_path, loss, matrix):
    dictionary = Dictionary([b"a", b"b"], [b"x", b"y"], [4, 3, 2, 1], 10, Subwords())
    header = files.Header(3, loss=loss, kind=files.ModelKind.SUPERVISED)
    matrices = {"source": np.ones((2, 3), np.float32), "target": np.ones((2, 3), np.float32)}
    matrices[matrix][0, 1] = np.nan
    files.write(tmp_path / "model.bin", header, dictionary, *matrices.values())
    model = files.read(tmp_path / "model.bin")
    with pytest.raises(UserError, match="The model holds NaN or infinity"):
        model.predict(b"a", 1)
    if matrix == "source":
        with pytest.raises(UserError, match="The model holds NaN or infinity"):
            model.vector(b"a")
        assert len(model.predict(b"b", 1)) == 1


def quantiser(parts, width, content=b""):
    return struct.pack("<4i", parts * width, parts, width, width) + content


def centroids(width):
    return np.ones((256, width), "<f4").tobytes()


def quantised_file(codes, norms):
    """A classifier of one word and one label, whose input matrix of two numbers is quantised."""
    head = struct.pack("<2i", files.MAGIC, files.VERSION)
    head += struct.pack("<12id", 2, 5, 5, 1, 5, 1, losses.FastTextLoss.SOFTMAX, files.ModelKind.SUPERVISED, *[0] * 5)
    words = (
        struct.pack("<3i2q", 2, 1, 1, 2, -1) + b"word\0" + struct.pack("<qb", 1, 0) + b"x\0" + struct.pack("<qb", 1, 1)
    )
    source = struct.pack("<??2qi", True, True, 1, 2, 1) + b"\0" + codes + b"\0" + norms
    return head + words + source + struct.pack("<?2q", False, 1, 2) + np.ones(2, "<f4").tobytes()


def test_a_quantiser_of_norms_has_one_number(tmp_path):
    codes, path = quantiser(1, 2, centroids(2)), tmp_path / "model.ftz"
    path.write_bytes(quantised_file(codes, quantiser(1, 1, centroids(1))))
    assert files.read(path).predict(b"word", 1)[0][0] == b"x"
    for parts, width in ((2, 1), (1, 3)):
        path.write_bytes(quantised_file(codes, quantiser(parts, width, centroids(parts * width))))
        with pytest.raises(UserError, match="the quantiser of its norms has more than one number"):
            files.read(path)


def test_a_quantiser_that_is_larger_than_the_file_takes_no_memory(tmp_path):
    path = tmp_path / "model.ftz"
    path.write_bytes(quantised_file(quantiser((1 << 31) - 1, 1), b""))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"it ends after \d+ bytes, within a part of 2199023254528 bytes"):
        files.read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_a_classifier_without_labels_is_rejected(tmp_path):
    header = files.Header(3, loss=losses.FastTextLoss.SOFTMAX, kind=files.ModelKind.SUPERVISED)
    dictionary, rows = Dictionary([b"a"], [], [4], 10, Subwords()), np.ones((1, 3), np.float32)
    files.write(tmp_path / "model.bin", header, dictionary, rows, rows[:0])
    with pytest.raises(UserError, match="it is a classifier, and its dictionary has no labels"):
        files.read(tmp_path / "model.bin")


def test_an_empty_matrix_of_enormous_width_is_rejected(tmp_path):
    content = bytearray(whole_file(tmp_path))
    struct.pack_into("<2q", content, content.index(struct.pack("<2q", 7, 3)), 0, 1 << 62)
    (tmp_path / "wrong.bin").write_bytes(content)
    with pytest.raises(UserError, match="a matrix has 0 rows of 4611686018427387904 numbers"):
        files.read(tmp_path / "wrong.bin")


def model_with(tmp_path, version: int = files.VERSION, words=(b"a", b"b"), **settings) -> bytes:
    """A classifier of one label whose settings are these, in that version of the format."""
    given = {"dimension": 2, "loss": losses.FastTextLoss.SOFTMAX, "kind": files.ModelKind.SUPERVISED, **settings}
    header = files.Header(**given)
    outputs = 1 if header.kind == files.ModelKind.SUPERVISED else len(words)
    counts = [*range(len(words), 0, -1), 1]
    dictionary = Dictionary(list(words), [b"__label__x"], counts, 10, header.subwords)
    source = np.arange((len(words) + header.buckets) * header.dimension, dtype=np.float32).reshape(-1, header.dimension)
    files.write(tmp_path / "model.bin", header, dictionary, source, np.ones((outputs, header.dimension), np.float32))
    content = bytearray((tmp_path / "model.bin").read_bytes())
    struct.pack_into("<i", content, 4, version)
    (tmp_path / "model.bin").write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize(
    "settings",
    [
        {"dimension": 1}, {"longest": 255, "shortest": 255, "buckets": 1}, {"word_ngrams": 255}, {"word_ngrams": 0}, {"buckets": 0},
        *({"loss": loss} for loss in losses.FastTextLoss), *({"kind": kind} for kind in files.ModelKind), {"words": ()},
        {"words": (b"a" * 63, b"b" * 64, b"c" * 65, b"d" * 5000, b"")},
    ],
    ids=str,
)  # fmt: skip
def test_settings_at_their_bounds_are_read(tmp_path, settings):
    model_with(tmp_path, **settings)
    found = files.read(tmp_path / "model.bin")
    assert found.supervised == (settings.get("kind", files.ModelKind.SUPERVISED) == files.ModelKind.SUPERVISED)
    assert found.loss == settings.get("loss", losses.FastTextLoss.SOFTMAX)
    assert tuple(found.dictionary.words) == settings.get("words", (b"a", b"b")) and list(found.dictionary.labels) == [
        b"__label__x"
    ]
    assert found.dictionary.tokens == 10 and found.dictionary.kept is None
    expected = files.Header(
        2, **{k: v for k, v in settings.items() if k in ("longest", "shortest", "buckets", "word_ngrams")}
    ).subwords
    assert found.dictionary.subwords == expected
    assert found.source.shape == (len(found.dictionary.words) + expected.buckets, settings.get("dimension", 2))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"dimension": 0}, "its settings are"), ({"buckets": -1}, "its settings are"), ({"word_ngrams": -1}, "its settings are"),
        ({"loss": 0}, "its settings are"), ({"loss": 5}, "its settings are"), ({"kind": 0}, "its settings are"), ({"kind": 5}, "its settings are"),
        ({"longest": 256}, "its maxn is 256, expected at most 255"), ({"word_ngrams": 256}, "its wordNgrams is 256, expected at most 255"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_beyond_their_bounds_are_rejected(tmp_path, settings, problem):
    content = bytearray(model_with(tmp_path))
    places = {"dimension": 8, "word_ngrams": 28, "loss": 32, "kind": 36, "buckets": 40, "longest": 48}
    for name, value in settings.items():
        struct.pack_into("<i", content, places[name], value)
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(UserError, match=problem):
        files.read(tmp_path / "model.bin")


@pytest.mark.parametrize(("kind", "longest"), [(files.ModelKind.SUPERVISED, 0), (files.ModelKind.CBOW, 4)])
def test_classifiers_of_version_11_have_no_ngrams_of_characters(tmp_path, kind, longest):
    model_with(tmp_path, 11, kind=kind, shortest=2, longest=4, buckets=3)
    assert files.read(tmp_path / "model.bin").dictionary.subwords == Subwords(3, 2, longest, 1)
    model_with(tmp_path, 12, kind=kind, shortest=2, longest=4, buckets=3)
    assert files.read(tmp_path / "model.bin").dictionary.subwords.longest == 4


@pytest.mark.parametrize("version", [10, 13])
def test_other_versions_are_rejected(tmp_path, version):
    model_with(tmp_path, version)
    with pytest.raises(
        UserError, match=f"it begins with 793712314 and version {version}, not 793712314 and version 12"
    ):
        files.read(tmp_path / "model.bin")


def quantised_model(tmp_path, width=2, parts=((2,),), rows=1, codes=None, norms=None, kept=(), quantised=True):
    """A classifier of one word whose input matrix has these parts, pruned to the buckets `kept` of two."""
    head = struct.pack("<2i", files.MAGIC, files.VERSION)
    buckets = 2 if kept else 0
    head += struct.pack(
        "<12id", width, 5, 5, 1, 5, 1, losses.FastTextLoss.SOFTMAX, files.ModelKind.SUPERVISED, buckets, 0, 0, 1, 0
    )
    entries = struct.pack("<3i2q", 2, 1, 1, 2, len(kept) if kept else -1)
    entries += b"word\0" + struct.pack("<qb", 1, 0) + b"x\0" + struct.pack("<qb", 1, 1)
    entries += b"".join(struct.pack("<2i", *pair) for pair in kept)
    (widths,) = parts
    codes = bytes(rows * len(widths)) if codes is None else codes
    source = struct.pack("<?2qi", norms is not None, rows, width, len(codes)) + codes
    source += struct.pack("<4i", sum(widths), len(widths), widths[0], widths[-1])
    source += np.ones(256 * sum(widths), "<f4").tobytes()
    if norms is not None:
        source += bytes(rows) + struct.pack("<4i", *norms) + np.full(256 * norms[0], 3, "<f4").tobytes()
    target = struct.pack("<?2q", False, 1, width) + np.ones(width, "<f4").tobytes()
    path = tmp_path / "model.ftz"
    path.write_bytes(head + entries + struct.pack("<?", quantised) + source + target)
    return path


@pytest.mark.parametrize(
    "given",
    [
        {}, {"width": 1, "parts": ((1,),)}, {"width": 5, "parts": ((2, 2, 1),)}, {"norms": (1, 1, 1, 1)},
        {"kept": ((1, 0),), "rows": 2}, {"kept": ((0, 1), (1, 0)), "rows": 3},
    ],
    ids=str,
)  # fmt: skip
def test_quantised_matrices_of_every_shape_are_read(tmp_path, given):
    found = files.read(quantised_model(tmp_path, **given))
    assert found.source.shape == (given.get("rows", 1), given.get("width", 2))
    expected = 3 if "norms" in given else 1
    np.testing.assert_array_equal(found.source.rows([0]), np.full((1, given.get("width", 2)), expected))
    assert found.dictionary.kept == (dict(given["kept"]) if "kept" in given else None)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"parts": ((2, 0),)}, "a quantiser of 2 numbers has 2 parts of 2, the last of 0"),
        ({"rows": -1, "codes": b""}, "a quantised matrix has -1 rows of 2 numbers, 1 parts and 0 codes"),
        ({"rows": 1, "codes": bytes(2)}, "a quantised matrix has 1 rows of 2 numbers, 1 parts and 2 codes"),
        ({"width": 2, "parts": ((3,),)}, "a quantised matrix has 1 rows of 2 numbers, 1 parts and 1 codes"),
        ({"norms": (1, 1, 1, 0)}, "a quantiser of 1 numbers has 1 parts of 1, the last of 0"),
        ({"norms": (1, 0, 1, 1)}, "a quantiser of 1 numbers has 0 parts of 1, the last of 1"),
        ({"norms": (1, 1, 0, 1)}, "a quantiser of 1 numbers has 1 parts of 0, the last of 1"),
        ({"kept": ((1, 1),), "rows": 2}, "a bucket has a number beyond those that are kept"),
        ({"kept": ((1, -1),), "rows": 2}, "a bucket has a number beyond those that are kept"),
        ({"kept": ((1, 0),), "rows": 3}, r"its matrices have shapes \(3, 2\) and \(1, 2\), its dictionary asks for \(\(2, 2\), \(1, 2\)\)"),
        ({"kept": ((1, 0),), "rows": 2, "quantised": False}, "its buckets were pruned, but its input matrix is dense"),
    ],
    ids=str,
)  # fmt: skip
def test_quantised_matrices_that_do_not_fit_together_are_rejected(tmp_path, given, problem):
    path = quantised_model(tmp_path, **given)
    with pytest.raises(UserError, match=problem):
        files.read(path)


def test_an_empty_file_is_rejected(tmp_path):
    (tmp_path / "model.bin").touch()
    with pytest.raises(UserError, match="it ends after 0 bytes, within a part of 8 bytes that has 0"):
        files.read(tmp_path / "model.bin")


@pytest.mark.parametrize(("place", "form", "values", "problem"), [
    (64, "3i", (1, -1, 2), "its dictionary has 1 entries, -1 words and 2 labels"),
    (64, "3i", (1, 2, -1), "its dictionary has 1 entries, 2 words and -1 labels"),
    (64, "3i", (4, 2, 1), "its dictionary has 4 entries, 2 words and 1 labels"),
])  # fmt: skip
def test_numbers_of_entries_that_do_not_add_up_are_rejected(tmp_path, place, form, values, problem):
    content = bytearray(model_with(tmp_path))
    struct.pack_into(f"<{form}", content, place, *values)
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(UserError, match=problem):
        files.read(tmp_path / "model.bin")


@pytest.mark.parametrize(("rows", "width"), [(-1, 2), (2, 0), (2, 1 << 31)])
def test_a_dense_matrix_has_rows_of_one_number_or_more(tmp_path, rows, width):
    content = bytearray(model_with(tmp_path))
    place = content.index(struct.pack("<?2q", False, 2, 2)) + 1
    struct.pack_into("<2q", content, place, rows, width)
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(UserError, match=f"a matrix has {rows} rows of {width} numbers"):
        files.read(tmp_path / "model.bin")


def test_text_has_five_digits_and_a_space_behind_each_vector():
    lines = list(files.text_vectors([b"a", "é".encode()], np.array([[0.5, 1234567], [1e-9, -2]], np.float32)))
    assert lines == [b"2 2\n", b"a 0.5 1.2346e+06 \n", "é 1e-09 -2 \n".encode()]
