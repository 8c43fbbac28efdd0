"""A pickled Booster is followed without calling anything: what Python's own pickle writes, opcode by opcode."""

import io
import pickle
import struct
from collections.abc import Callable

import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost.model_files import pickled  # noqa: E402

BOOSTER = b"cxgboost.core\nBooster\n"


def booster_with(state: bytes) -> tuple[bytes, dict]:
    return pickled.read(b"\x80\x02" + BOOSTER + b")\x81" + state + b"b.")


@pytest.mark.parametrize(
    "state",
    [
        b"}(X\x06\0\0\0handleC\x01mX\x01\0\0\0aK\x05u",
        b"}X\x06\0\0\0handleC\x01msX\x01\0\0\0aK\x05s",
        b"(X\x06\0\0\0handleC\x01mX\x01\0\0\0aK\x05d",
    ],
)
def test_a_state_is_a_dictionary_however_it_is_made(state):
    buffer, found = booster_with(state)
    assert (buffer, found) == (b"m", {"a": 5})


HANDLE = b"X\x06\0\0\0handleC\x01m"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"N", None), (b"\x88", True), (b"\x89", False), (b")", ()), (b"]", []), (b"}", {}), (b"(t", ()), (b"(K\x01K\x02t", (1, 2)),
        (b"K\x01\x85", (1,)), (b"K\x01K\x02\x86", (1, 2)), (b"K\x01K\x02K\x03\x87", (1, 2, 3)), (b"(K\x01l", [1]),
        (b"]K\x01a", [1]), (b"](K\x01K\x02e", [1, 2]), (b"J\xff\xff\xff\xff", -1), (b"M\x00\x01", 256), (b"G" + struct.pack(">d", 0.5), 0.5),
        (b"X\x02\0\0\0\xc3\xa9", "é"), (b"\x8c\x01a", "a"), (b"B\x01\0\0\0z", b"z"),
    ],
)  # fmt: skip
def test_every_value_that_a_booster_holds_is_read(value, expected):
    _, found = booster_with(b"}(" + HANDLE + b"X\x01\0\0\0a" + value + b"u")
    assert found == {"a": expected} and type(found["a"]) is type(expected)


@pytest.mark.parametrize(
    ("put", "get"), [(b"q\x07", b"h\x07"), (b"r\x07\0\0\0", b"j\x07\0\0\0"), (b"p7\n", b"g7\n"), (b"\x94", b"h\x00")]
)
def test_what_was_remembered_is_taken_again(put, get):
    state = b"}(" + HANDLE + b"X\x01\0\0\0a]" + put + b"X\x01\0\0\0b" + get + b"u"
    _, found = booster_with(state)
    assert found["a"] == [] and found["b"] is found["a"]


def test_remembered_things_are_numbered_from_0():
    state = b"}(" + HANDLE + b"X\x01\0\0\0aK\x05\x94X\x01\0\0\0b\x94K\x06h\x01K\x07u"
    _, found = booster_with(state)
    assert found == {"a": 5, "b": 7}


MAKERS: list[Callable[[bytes], bytes]] = [
    lambda handle: BOOSTER + b")\x81}" + handle + b"sb.",
    lambda handle: b"\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}" + handle + b"sb.",
    lambda handle: b"ccopy_reg\n_reconstructor\n(" + BOOSTER + b"c__builtin__\nobject\nNtR}" + handle + b"sb.",
    lambda handle: b"ccopyreg\n__newobj__\n(" + BOOSTER + b"tR}" + handle + b"sb.",
]
BUFFERS = {
    b"C\x01m": b"m",
    b"cbuiltins\nbytearray\nC\x01m\x85R": b"m",
    b"c__builtin__\nbytearray\nX\x02\0\0\0\xc3\xa9X\x07\0\0\0latin-1\x86R": b"\xe9",
    b"cbuiltins\nbytearray\n)R": b"",
    b"c_codecs\nencode\nX\x01\0\0\0mX\x06\0\0\0latin1\x86R": b"m",
    b"\x96\x01\0\0\0\0\0\0\0m": b"m",
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("made", BUFFERS)
def test_every_way_to_make_a_booster_and_its_buffer_is_followed(maker, made):
    content = b"\x80\x05" + maker(b"X\x06\0\0\0handle" + made)
    buffer, state = pickled.read(content)
    assert (buffer, state) == (BUFFERS[made], {}) and type(buffer) is bytes


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x80\x02N.", "The file holds NoneType, expected an xgboost.core.Booster."),
        (b"\x80\x02cxgboost.sklearn\nXGBModel\n)\x81.", "The file holds xgboost.sklearn.XGBModel, expected an xgboost.core.Booster."),
        (b"\x80\x02" + BOOSTER + b")\x81.", "The Booster in the file holds no model: it was never trained."),
        (b"\x80\x02" + BOOSTER + b")\x81}X\x06\0\0\0handleNsb.", "The Booster in the file holds no model: it was never trained."),
        (b"\x80\x02cos\nsystem\nX\x01\0\0\0a\x85R.", "os system would be called, which a Booster does not need"),
        (b"\x80\x02cbuiltins\nbytearray\nK\x09\x85R.", "bytes would be made of int in 'latin-1'"),
        (b"\x80\x02cbuiltins\nbytearray\nX\x01\0\0\0aX\x03\0\0\0rot\x86R.", "bytes would be made of str in 'rot'"),
        (b"\x80\x02\x8f.", "opcode EMPTY_SET is not one of a Booster's"),
        (b"\x80\x02h\x07.", "The file is not a pickled Booster (KeyError"),
        (b"\x80\x02t.", "The file is not a pickled Booster (StopIteration"),
        (b"\x80\x02.", "The file is not a pickled Booster (IndexError"),
        (b"\x80\x02(K\x01d.", "The file is not a pickled Booster (ValueError"),
        (b"\x80\x02}(K\x01u.", "The file is not a pickled Booster (ValueError"),
        (b"\x80\x02N", "The file is not a pickled Booster"),
    ],
)  # fmt: skip
def test_anything_else_is_rejected(content, problem):
    with pytest.raises(UserError) as raised:
        pickled.read(content)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    "attributes", [{}, {"booster": None, "best_iteration": -7, "best_ntree_limit": 2**31 - 1, "é": "ü"}]
)
@pytest.mark.parametrize("buffer", [b"", b"binf" + bytes(300)])
def test_what_is_written_is_read_and_python_reads_it_too(attributes, buffer):
    content = pickled.write(buffer, attributes)
    assert pickled.read(content) == (buffer, attributes)

    class Booster:
        """Stands in for the library's, which would load the buffer."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            return Booster if (module, name) == ("xgboost.core", "Booster") else super().find_class(module, name)

    assert vars(Unpickler(io.BytesIO(content)).load()) == {"handle": bytearray(buffer), **attributes}
