"""The script of a processing job: it reads the flowers, and writes rows to train with and rows to judge."""

import argparse
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

FOLDER = Path("/opt/ml/processing")


def main() -> None:
    """Split the rows; those to judge lose their label, the first column."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--test-size", type=float, default=0.2)
    table = pd.read_csv(FOLDER / "input" / "iris.csv", header=None)
    train, test = train_test_split(table, test_size=parser.parse_args().test_size, random_state=0)
    train.to_csv(FOLDER / "train" / "iris.csv", header=False, index=False)
    test.iloc[:, 1:].to_csv(FOLDER / "test" / "iris.csv", header=False, index=False)
    print(f"{len(train)} rows to train with, {len(test)} to judge")


if __name__ == "__main__":
    main()
