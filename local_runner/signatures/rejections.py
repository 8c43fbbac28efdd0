"""Why a request is rejected, before it is known in whose words: each protocol has its own for the same reason."""

from __future__ import annotations


class Rejected(Exception):
    """A request that is not signed as it should be. The text says why."""

    def __init__(self, message: str = "", **details: str) -> None:
        super().__init__(message)  # mutants: equivalent: an exception has kept what it was made with
        self.details = details


class NotSigned(Rejected):
    """There is no signature."""


class Malformed(Rejected):
    """What should be a signature cannot be read, or lacks a part."""


class MalformedQuery(Malformed):
    """The same in a presigned address."""


class UnknownKey(Rejected):
    """The access key is not that of this data folder."""


class Mismatch(Rejected):
    """The signature is not that of this request."""


class WrongTime(Rejected):
    """The request was signed too long ago, or in the future, or its address has expired.

    `details` hold `RequestTime` and `ServerTime`, or `Expires`.
    """


class Expired(WrongTime):
    """A presigned address whose time is over."""


class NotCovered(Rejected):
    """A header that changes what a request does is not covered by the signature."""
