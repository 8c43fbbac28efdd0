"""The script of the example housing.py: it trains a small network with Keras 3 and exports it for TensorFlow Serving."""

import argparse
import os
from pathlib import Path

import keras
import numpy as np


def main() -> None:
    """Train on the rows of the channel `training`: measures first, then the price."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument(
        "--model_dir", help="an S3 address that the TensorFlow estimator adds; the model goes to SM_MODEL_DIR"
    )
    arguments = parser.parse_args()
    table = np.loadtxt(Path(os.environ["SM_CHANNEL_TRAINING"], "train.csv"), delimiter=",", skiprows=1, dtype="float32")
    x, y = table[:, :-1], table[:, -1:]
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Input((x.shape[1],)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(arguments.learning_rate), loss="mse")
    history = model.fit(x, y, epochs=arguments.epochs, verbose=2)
    print("final loss:", history.history["loss"][-1])
    # A folder whose name is a number: a version of the model. Keras 3 writes no SavedModel with model.save.
    model.export(Path(os.environ["SM_MODEL_DIR"], "1"))


if __name__ == "__main__":
    main()
