"""What the hyperparameters of PCA demand of each other."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.pca.hyperparameters import PCAHyperparameters


def test_there_are_as_many_components_as_columns_at_most():
    assert PCAHyperparameters(feature_dim=4, num_components=4, mini_batch_size=1).num_components == 4
    with pytest.raises(UserError, match="num_components: got 5, expected at most feature_dim = 4"):
        PCAHyperparameters(feature_dim=4, num_components=5, mini_batch_size=1)
