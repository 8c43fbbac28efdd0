"""The script of the example iris.py: it trains a decision tree, and loads it for the endpoint."""

import argparse
import os
from pathlib import Path

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier


def model_fn(model_dir: str) -> DecisionTreeClassifier:
    """Load the model. The endpoint calls this once in each of its processes."""
    return joblib.load(Path(model_dir, "model.joblib"))


def main() -> None:
    """Train on the rows of the channel `train`: the label first, then four measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-leaf-nodes", type=int)
    arguments = parser.parse_args()
    table = pd.read_csv(Path(os.environ["SM_CHANNEL_TRAIN"], "iris.csv"), header=None)
    labels, features = table[0], table.drop(columns=0).to_numpy()
    tree = DecisionTreeClassifier(max_leaf_nodes=arguments.max_leaf_nodes, random_state=0).fit(features, labels)
    print(f"accuracy={tree.score(features, labels):.4f};")
    joblib.dump(tree, Path(os.environ["SM_MODEL_DIR"], "model.joblib"))


if __name__ == "__main__":
    main()
