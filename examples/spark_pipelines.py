"""Spark pipelines whose last stage trains on SageMaker: k-means, PCA and linear learner.

    wildsage run --proxy --python .clients/spark/bin/python examples/spark_pipelines.py

Each estimator of sagemaker_pyspark writes the data frame to S3, runs a training job, deploys an endpoint, and asks it in
`transform`. Needs sagemaker_pyspark 1.4.5, Python 3.10 and Java 8 to 17; nothing in this file knows of Wildsage.
"""

import random

import sagemaker_pyspark
from pyspark.ml import Pipeline
from pyspark.ml.feature import Normalizer, OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from sagemaker_pyspark import IAMRole, SageMakerResourceCleanup
from sagemaker_pyspark.algorithms import (
    KMeansSageMakerEstimator,
    LinearLearnerRegressor,
    PCASageMakerEstimator,
)

ROLE = IAMRole("arn:aws:iam::000000000000:role/SageMaker")
MACHINES = {
    "sagemakerRole": ROLE,
    "trainingInstanceType": "ml.m4.xlarge",
    "trainingInstanceCount": 1,
    "endpointInstanceType": "ml.m4.xlarge",
    "endpointInitialInstanceCount": 1,
}
SHOPS = ("corner", "market", "online")
MEASURES = ("visits", "spent")


def session() -> SparkSession:
    """A Spark on this machine with SageMaker's jars."""
    jars = ":".join(sagemaker_pyspark.classpath_jars())
    return SparkSession.builder.config("spark.driver.extraClassPath", jars).master("local[2]").getOrCreate()


def customers(spark: SparkSession) -> DataFrame:
    """300 customers of three shops, who visit and spend as is usual there; `label` is what they will spend next."""
    chance = random.Random(0)
    usual = {"corner": (20, 10), "market": (8, 60), "online": (2, 200)}
    rows = []
    for number in range(300):
        shop = SHOPS[number % 3]
        visits, spent = (mean * chance.uniform(0.8, 1.2) for mean in usual[shop])
        rows.append((shop, visits, spent, 0.9 * spent + 2 * visits))
    return spark.createDataFrame(rows, ["shop", *MEASURES, "label"])


def features() -> list:
    """Stages that turn a customer into a vector of length one: the shop as an indicator, and the measures."""
    return [
        StringIndexer(inputCol="shop", outputCol="shop_index"),
        OneHotEncoder(inputCol="shop_index", outputCol="shop_vector", dropLast=False),
        VectorAssembler(inputCols=["shop_vector", *MEASURES], outputCol="raw"),
        Normalizer(inputCol="raw", outputCol="features", p=1.0),
    ]


def fit_and_transform(data: DataFrame, stages: list) -> list:
    """The rows of a pipeline's answer. Its endpoint, model and configuration are deleted."""
    model = Pipeline(stages=stages).fit(data)
    try:
        return model.transform(data).collect()
    finally:
        cleanup = SageMakerResourceCleanup(model.stages[-1].sagemakerClient)
        cleanup.deleteResources(model.stages[-1].getCreatedResources())


def main() -> None:
    """Fit three pipelines and print what they found."""
    spark = session()
    data = customers(spark)

    kmeans = KMeansSageMakerEstimator(**MACHINES)
    kmeans.setK(3)
    kmeans.setFeatureDim(5)
    rows = fit_and_transform(data, [*features(), kmeans])
    clusters = {shop: {row.closest_cluster for row in rows if row.shop == shop} for shop in SHOPS}
    print("clusters of shops:", {shop: sorted(found) for shop, found in clusters.items()})

    pca = PCASageMakerEstimator(**MACHINES)
    pca.setNumComponents(2)
    pca.setFeatureDim(5)
    pca.setMiniBatchSize(50)
    rows = fit_and_transform(data, [*features(), pca])
    print("components of a customer:", [round(value, 4) for value in rows[0].projection])

    regressor = LinearLearnerRegressor(**MACHINES)
    regressor.setFeatureDim(2)
    regressor.setMiniBatchSize(50)
    regressor.setEpochs(30)
    measures = VectorAssembler(inputCols=list(MEASURES), outputCol="features")
    rows = fit_and_transform(data, [measures, regressor])
    errors = [abs(row.score - row.label) / row.label for row in rows]
    print(f"median error of the regression: {sorted(errors)[len(errors) // 2]:.3f}")
    spark.stop()


if __name__ == "__main__":
    main()
