"""The class of an error says who can correct it.

WildsageError
├── UserError           data, hyperparameters or a request: the caller can correct it, and reads the text word for word
│   ├── BadRecord       the same, about one row of a channel or of a request
│   ├── BadChannelRow   the same, as an algorithm finds it: it counts the rows of all files
│   └── MissingPackage  a library that comes with an extra of ours is not installed
├── AlgorithmError      the algorithm failed on valid input
└── PlatformError       the environment failed: disk, network, another host
    └── LostHost        the same, where a library misses another host of the job
"""


class WildsageError(Exception):
    """Base of all errors raised on purpose. `category` is the prefix SageMaker puts before a failure reason."""

    category = "AlgorithmError"


class UserError(WildsageError):
    """Something the caller sent is wrong; the text says what, where, got and expected.

    >>> from wildsage import UserError, read_model
    >>> try:
    ...     read_model("model.tgz")
    ... except UserError as error:
    ...     print(error)
    model.tgz does not exist, expected a model.tar.gz, its folder, or its member model_algo-1.
    """

    category = "ClientError"


class BadRecord(UserError):
    """One row is wrong. A codec knows the row and the problem; the code that opened the file adds its name.

    `row` counts from 1 within the byte stream being decoded; `problem` is a sentence without a place in it.
    """

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(f"row {row}: {problem}")
        self.row = row
        self.problem = problem


class BadChannelRow(UserError):
    """One row of a channel is wrong. An algorithm knows the channel and the row; whoever opened the files adds the name of one.

    `row` counts from 1 over all files of the channel on this host; `problem` is a sentence without a place in it.
    """

    def __init__(self, channel: str, row: int, problem: str) -> None:
        super().__init__(f"Channel {channel}, row {row}: {problem}")
        self.channel = channel
        self.row = row
        self.problem = problem


class MissingPackage(UserError):
    """A library is not installed; the text names the extra that brings it."""


class AlgorithmError(WildsageError):
    """The algorithm could not reach a result."""


class PlatformError(WildsageError):
    """The machine, the network or another host failed."""

    category = "InternalServerError"


class LostHost(PlatformError):
    """A library misses another host of the job, and does not know which; whoever watches the hosts can name it."""


NO_DATA = (
    "No training data processed. Either the training channel is empty or the mini-batch size is too high. Verify that "
    "training data contains non-empty files and the mini-batch size is less than the number of records per training host."
)
"""The original's text for a host without a batch [contract: container, section 4]."""
