"""A Keras script of one's own through SDK v2's TensorFlow estimator: prices from a CSV file, an endpoint, JSON in and out.

    wildsage run examples/scripts/housing.py

The script is train_housing.py beside this file. It runs with the Python that is named by `wildsage up --python tensorflow=PATH`
or in WILDSAGE_PYTHON, else with the TensorFlow that is installed beside wildsage. The rows are those of scikit-learn's diabetes
data, which lie on this machine: ten measures, and a number to predict in place of a price.
"""

import tempfile
from pathlib import Path

import sagemaker
from sagemaker.tensorflow import TensorFlow
from sklearn.datasets import load_diabetes


def main() -> None:
    """Write train.csv, upload it, train, deploy, and ask for the prices of three rows."""
    session, role = sagemaker.Session(), sagemaker.get_execution_role()
    table = load_diabetes(as_frame=True).frame
    measures = table.columns[:-1]
    table[measures] *= 10
    table["target"] /= table["target"].max()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "train.csv")
        table.to_csv(file, index=False)
        training = session.upload_data(str(file), key_prefix="housing/training")
    estimator = TensorFlow(
        entry_point="train_housing.py",
        source_dir=str(Path(__file__).parent),
        framework_version="2.16",
        py_version="py310",
        instance_count=1,
        instance_type="ml.m5.large",
        role=role,
        hyperparameters={"epochs": 15},
        metric_definitions=[{"Name": "train:loss", "Regex": "final loss: ([0-9.]+)"}],
        sagemaker_session=session,
        base_job_name="housing",
    )
    estimator.fit({"training": training})
    print("\nLoss:", estimator.training_job_analytics.dataframe().value.item())

    predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
    try:
        answer = predictor.predict(table[measures].to_numpy()[:3].tolist())
    finally:
        predictor.delete_endpoint()
    for expected, (predicted,) in zip(table["target"], answer["predictions"], strict=False):
        print(f"{expected:.2f} in the table, {predicted:.2f} predicted")


if __name__ == "__main__":
    main()
