"""Messages of the library: whose fault they tell of, and what a reader needs of them [contract: xgboost, How a failure looks]."""

from __future__ import annotations

import re

from xgboost.core import XGBoostError

from wildsage.algorithms.base.errors import AlgorithmError, LostHost, UserError

CUSTOMERS_MISTAKES = (
    "label must be in [0,1]",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "Check failed: preds.Size() == info.labels.Size()",
    "auc_error",
    "AUC: the dataset only contains pos or neg samples",
    "base_score must be in (0,1)",
    "label must be nonnegative",
    "label must be positive",
    "label must be non-negative",
    "label must be larger than or equal to 0",
    "should be greater equal to",
    "Invalid Input: ",
    "Invalid shape of labels",
    "Label contains NaN",
    "num_class",
    "SoftmaxMultiClassObj",
    "Invalid value",
    "Invalid Parameter",
    "number of columns does not match",
    "only defined for binary",
    "monotone",
    "constraints",
    "is_integer",
    "All feature_names must be",
    "Unsupported",
    "must be in [0",
    "must be in (0",
    "must be within",
    "must be greater than",
    "must be lesser than",
    "must be positive values",
    "with binary labels",
    "unable to parse",
    "could not be parsed",
    "exceed bound",
    "must be in interval",
    "unlimited depth",
    "Input data contains `inf`",
    "Mixed missing",
    "No more tree left for updating",
    "Size of weight must equal",
)
"""Parts of the library's messages about data and parameters: errors that the caller can fix
[contract: xgboost, How a failure looks]."""

PLACE = re.compile(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: ")
PEER_IS_GONE = ("/collective/", "/rabit/", "llreduce", "llgather")


def blamed(error: Exception) -> UserError | AlgorithmError | LostHost:
    """Whose fault it is: UserError for data and parameters, LostHost where another host is gone, else AlgorithmError."""
    text = without_trace(str(error))
    if any(word in str(error) for word in PEER_IS_GONE):
        return LostHost(f"Another host of this job ended before its work was done; its log says why. {text}")
    of_library = isinstance(error, XGBoostError)  # which is a ValueError too
    if any(mistake in text for mistake in CUSTOMERS_MISTAKES) or (isinstance(error, ValueError) and not of_library):
        return UserError(text)
    return AlgorithmError(f"XGB train call failed with exception:\n {text}")


def without_trace(text: str) -> str:
    """The library's message without the place in its source before it and the addresses after it."""
    return PLACE.sub("", text.partition("Stack trace")[0]).strip()
