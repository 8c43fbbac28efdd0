"""A script of one's own with scikit-learn, through SDK v2: training with a metric, an endpoint, and its answers.

    wildsage run examples/scripts/iris.py

The script is train_iris.py beside this file. On this machine it runs with the Python and the scikit-learn that are installed.
"""

import tempfile
from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.sklearn.estimator import SKLearn
from sklearn.datasets import load_iris


def main() -> None:
    """Upload the flowers, train, deploy, and ask for three of them."""
    session, role = sagemaker.Session(), sagemaker.get_execution_role()
    iris = load_iris()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "iris.csv")
        np.savetxt(file, np.column_stack([iris.target, iris.data]), delimiter=",", fmt="%.1f")
        train = session.upload_data(str(file), key_prefix="iris")
    estimator = SKLearn(
        entry_point="train_iris.py",
        source_dir=str(Path(__file__).parent),
        framework_version="1.2-1",
        instance_type="ml.m5.large",
        role=role,
        hyperparameters={"max-leaf-nodes": 10},
        metric_definitions=[{"Name": "train:accuracy", "Regex": "accuracy=([0-9.]+);"}],
        sagemaker_session=session,
    )
    estimator.fit({"train": train})
    print("\nAccuracy:", estimator.training_job_analytics.dataframe().value.item())

    predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
    try:
        kinds = predictor.predict(iris.data[[0, 75, 149]]).astype(int)
    finally:
        predictor.delete_endpoint()
    print("\nThree flowers:", ", ".join(iris.target_names[kinds]))


if __name__ == "__main__":
    main()
