"""SavedModels as users export them, in a Python that has TensorFlow."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

v1 = tf.compat.v1


class Affine(tf.Module):
    """x · 2 + added, in rows of three columns."""

    def __init__(self, added: float) -> None:
        self.added = added

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def answer(self, x):
        return {"y": x * 2 + self.added}


def save_affine(folder: Path, version: int) -> Path:
    """The folder of a version, which adds its number."""
    module = Affine(version)
    tf.saved_model.save(module, str(folder / str(version)), signatures=module.answer)
    return folder / str(version)


def save_estimator(folder: Path) -> None:
    """What TensorFlow 1's estimators export: signatures that take serialized examples."""
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None])
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        y = tf.matmul(x, v1.get_variable("w", initializer=[[2.0]]))
        session.run(v1.global_variables_initializer())
        classes = tf.tile([["no", "yes"]], [tf.shape(examples)[0], 1])
        define = v1.saved_model.signature_def_utils
        builder = v1.saved_model.Builder(str(folder / "export" / "Servo" / "1566"))
        signatures = {
            "serving_default": define.classification_signature_def(examples, classes, tf.concat([1 - y, y], 1)),
            "regression": define.regression_signature_def(examples, y),
            "predict": define.predict_signature_def({"examples": examples}, {"y": y}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
