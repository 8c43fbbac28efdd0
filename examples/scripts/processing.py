"""Processing, training and batch transform in one program, through SDK v2, with scripts of one's own.

    wildsage run examples/scripts/processing.py

The scripts are prepare_iris.py and train_iris.py beside this file. A processing script spells out /opt/ml, which a job has for
itself on Linux.
"""

import tempfile
from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.s3 import S3Downloader
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sklearn.datasets import load_iris

HERE = Path(__file__).parent
FOLDER = "/opt/ml/processing"


def main() -> None:
    """Split the flowers, learn from the one part, and judge the other."""
    session, role = sagemaker.Session(), sagemaker.get_execution_role()
    iris = load_iris()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "iris.csv")
        np.savetxt(file, np.column_stack([iris.target, iris.data]), delimiter=",", fmt="%.1f")
        flowers = session.upload_data(str(file), key_prefix="processing")

    processor = SKLearnProcessor(
        framework_version="1.2-1", role=role, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
    )
    processor.run(
        code=str(HERE / "prepare_iris.py"),
        inputs=[ProcessingInput(source=flowers, destination=f"{FOLDER}/input")],
        outputs=[ProcessingOutput(output_name=name, source=f"{FOLDER}/{name}") for name in ("train", "test")],
        arguments=["--test-size", "0.2"],
    )
    outputs = processor.latest_job.outputs
    train, test = (output.destination for output in outputs)

    estimator = SKLearn(
        entry_point="train_iris.py",
        source_dir=str(HERE),
        framework_version="1.2-1",
        instance_type="ml.m5.large",
        role=role,
        sagemaker_session=session,
    )
    estimator.fit({"train": train})

    transformer = estimator.transformer(1, "ml.m5.large", accept="text/csv", assemble_with="Line")
    transformer.transform(test, content_type="text/csv", split_type="Line")
    transformer.wait()
    answers = S3Downloader.read_file(f"{transformer.output_path}/iris.csv.out", session).split()
    print(f"\nJudged: {len(answers)} flowers, {len(set(answers))} kinds")


if __name__ == "__main__":
    main()
