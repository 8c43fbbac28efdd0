"""Damage to files as disks, transfers and attackers do it: cut, flipped, overwritten with sizes that lie, longer, shorter.

`make fuzz` tries more damage than the tests do: `make fuzz EXAMPLES=100000 ARGS="-k png"`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

DEFAULT_EXAMPLES = "1000"
"""Some seconds for all formats."""
LYING_SIZES = (
    b"\xff" * 8,
    bytes(8),
    (2**63 - 1).to_bytes(8, "little"),
    (2**40).to_bytes(8, "little"),
    b"\xff\xff\xff\x7f",
)
STRANGE_BYTES = b'\x00\x01\x7f\x80\xff9-[{"'


def _damaged(content: bytes, count: int) -> Iterator[bytes]:
    """Yield so many damaged forms of a file, the same ones each time."""
    chance = random.Random(0)
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            _damage(changed, chance)
        yield bytes(changed)


def _damage(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content) + 1)
    further = chance.randrange(1, 9)
    match chance.randrange(6):
        case 0:
            del content[at:]
        case 1 if at < len(content):
            content[at] ^= 1 << chance.randrange(8)
        case 2:
            size = chance.choice(LYING_SIZES)
            content[at : at + len(size)] = size
        case 3:
            content[at:at] = chance.randbytes(further)
        case 4:
            del content[at : at + further]
        case _ if at < len(content):
            content[at] = chance.choice(STRANGE_BYTES)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-examples", default=DEFAULT_EXAMPLES, help="how many inputs each format is tried with")
    parser.addoption(
        "--fuzz-seconds", default="", help="how long atheris fuzzes each format by coverage; some seconds unless given"
    )


@pytest.fixture(scope="session")
def examples(request: pytest.FixtureRequest) -> int:
    """How many damaged inputs each format is tried with."""
    return int(request.config.getoption("--fuzz-examples", DEFAULT_EXAMPLES))


@pytest.fixture(scope="session")
def damaged(examples: int) -> Callable[[bytes], Iterator[bytes]]:
    """Makes damaged forms of a file, the same ones each time."""
    return lambda content: _damaged(content, examples)
