"""A pickled Booster ⇄ its buffer and attributes. Nothing is unpickled: opcodes are read as data, and no name is looked up.

The real service wrote such files for image tags below 1.3-1 [contract: xgboost, The buffer inside a pickled Booster]. A reader
that does unpickle them, as users do, gets an `xgboost.core.Booster`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pickletools import genops
from typing import Any

from wildsage.algorithms.base.errors import UserError

MARK = object()
BOOSTER = "xgboost.core Booster"
HANDLE = "handle"
BYTEARRAYS = ("builtins bytearray", "__builtin__ bytearray")
ENCODERS = ("_codecs encode",)
INSTANCE_MAKERS = ("copy_reg _reconstructor", "copyreg _reconstructor", "copyreg __newobj__")


@dataclass
class GlobalName:
    """A global that the file refers to by module and name."""

    text: str


@dataclass
class PickledObject:
    """An object that the file would make: its class by name, and the state it would be given."""

    kind: str
    state: dict[str, Any] = field(default_factory=dict)


def read(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """The model's buffer, and the Booster's other attributes such as `best_iteration` and `feature_names`.

    Raises UserError for a file that is not a pickled Booster, or uses opcodes that no Booster has.
    """
    made = _StackMachine().run(content)
    if not isinstance(made, PickledObject) or made.kind != BOOSTER:
        raise UserError(f"The file holds {_kind(made)}, expected an {BOOSTER.replace(' ', '.')}.")
    handle = made.state.pop(HANDLE, None)
    if not isinstance(handle, (bytes, bytearray)):
        raise UserError("The Booster in the file holds no model: it was never trained.")
    return bytes(handle), made.state


def write(buffer: bytes, attributes: Mapping[str, int | str | None]) -> bytes:
    """A file (protocol 4, which Python reads from 3.4 on) that unpickles to a Booster around `buffer`."""
    state = [_text(HANDLE), b"cbuiltins\nbytearray\n", _bytes(buffer), b"\x85R"]
    for name, value in attributes.items():
        state += [_text(name), _value(value)]
    return b"".join([b"\x80\x04", b"cxgboost.core\nBooster\n)\x81}(", *state, b"ub."])


def _text(text: str) -> bytes:
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _bytes(content: bytes) -> bytes:
    return b"\x8e" + struct.pack("<Q", len(content)) + content


def _value(value: int | str | None) -> bytes:
    if value is None:
        return b"N"
    return _text(value) if isinstance(value, str) else b"J" + struct.pack("<i", value)


MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, StopIteration, struct.error)
"""What following a damaged file's instructions ends in."""


class _StackMachine:
    """The stack of the format. Globals become `GlobalName`, what would be called becomes a `PickledObject` or plain bytes."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        try:
            for opcode, argument, _ in genops(content):
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument)
        except MALFORMED as error:
            raise UserError(f"The file is not a pickled Booster ({type(error).__name__}: {error}).") from None
        raise UserError("The file is not a pickled Booster: it ends too early.")

    def _step(self, name: str, argument: Any) -> None:
        if name in PUSHED:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in BUILDERS:
            BUILDERS[name](self)
        elif name == "GLOBAL":
            self.stack.append(GlobalName(argument))
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"opcode {name} is not one of a Booster's")

    def above_mark(self) -> list[Any]:
        place = len(self.stack) - 1 - next(i for i, item in enumerate(reversed(self.stack)) if item is MARK)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(GlobalName(f"{module} {name}"))

    def tuple(self, count: int | None = None) -> None:
        items = self.above_mark() if count is None else [self.stack.pop() for _ in range(count)][::-1]
        self.stack.append(tuple(items))

    def list(self) -> None:
        self.stack.append(self.above_mark())

    def dict(self) -> None:
        items = self.above_mark()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def append(self) -> None:
        item = self.stack.pop()
        self.stack[-1].append(item)

    def appends(self) -> None:
        items = self.above_mark()
        self.stack[-1].extend(items)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][key] = value

    def set_items(self) -> None:
        items = self.above_mark()
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def call(self) -> None:
        """What a callable would make, where it is one of those that a Booster is made with."""
        arguments, called = self.stack.pop(), self.stack.pop().text
        if called in BYTEARRAYS or called in ENCODERS:
            self.stack.append(_raw(*arguments))
        elif called in INSTANCE_MAKERS:
            self.stack.append(PickledObject(arguments[0].text))
        else:
            raise ValueError(f"{called} would be called, which a Booster does not need")

    def new_object(self) -> None:
        self.stack.pop()
        self.stack.append(PickledObject(self.stack.pop().text))

    def build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].state.update(state)


TEXT_ENCODINGS = ("latin-1", "latin1", "utf-8", "ascii")


def _raw(content: bytes | str = b"", encoding: str = "latin-1") -> bytes:
    """The bytes that bytearray(text, encoding) would hold. A number, which would ask for so many zeros, has no place here."""
    if isinstance(content, bytes):
        return content
    if not isinstance(content, str) or encoding not in TEXT_ENCODINGS:
        raise ValueError(f"bytes would be made of {type(content).__name__} in {encoding!r}")
    return content.encode(encoding)


def _kind(made: object) -> str:
    return made.kind.replace(" ", ".") if isinstance(made, PickledObject) else type(made).__name__


PUSHED = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
})  # fmt: skip
CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "MARK": lambda: MARK,
}
BUILDERS: Mapping[str, Callable[[_StackMachine], None]] = {
    "MEMOIZE": _StackMachine.memoize,
    "STACK_GLOBAL": _StackMachine.stack_global,
    "TUPLE": _StackMachine.tuple,
    "TUPLE1": lambda machine: machine.tuple(1),
    "TUPLE2": lambda machine: machine.tuple(2),
    "TUPLE3": lambda machine: machine.tuple(3),
    "LIST": _StackMachine.list,
    "DICT": _StackMachine.dict,
    "APPEND": _StackMachine.append,
    "APPENDS": _StackMachine.appends,
    "SETITEM": _StackMachine.set_item,
    "SETITEMS": _StackMachine.set_items,
    "REDUCE": _StackMachine.call,
    "NEWOBJ": _StackMachine.new_object,
    "BUILD": _StackMachine.build,
}
