"""The variable that tells a container which tag of its image was asked for; the backends set it, programs read it."""

from __future__ import annotations

from wildsage.algorithms.base import program

VARIABLE = program.TAG_VARIABLE
