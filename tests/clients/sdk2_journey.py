"""What SDK v2 does with a model, from top to bottom. It prints a line after each part."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import sagemaker
from sagemaker.amazon.common import write_numpy_to_dense_tensor
from sagemaker.async_inference import AsyncInferenceConfig, AsyncInferenceResponse
from sagemaker.deserializers import JSONDeserializer, StringDeserializer
from sagemaker.exceptions import AsyncInferenceModelError, ObjectNotExistedError
from sagemaker.model import Model
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.utils import unique_name_from_base

ROWS = np.array([[0, 0], [1, 0], [10, 10], [11, 10]], np.float32)

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
kmeans = sagemaker.KMeans(role, 1, "ml.m5.large", k=2, output_path=f"s3://{bucket}/models", sagemaker_session=session)
kmeans.fit(kmeans.record_set(ROWS), mini_batch_size=4)


def put(key: str, content: bytes) -> str:
    """Upload an object and return its URI."""
    session.boto_session.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def read(uri: str) -> bytes:
    """The bytes of an object."""
    bucket_and_key = uri.removeprefix("s3://").split("/", 1)
    return session.boto_session.client("s3").get_object(Bucket=bucket_and_key[0], Key=bucket_and_key[1])["Body"].read()


# Batch transform: RecordIO in, JSON Lines out

recordio = io.BytesIO()
write_numpy_to_dense_tensor(recordio, ROWS)
data = put("batch/rows.protobuf", recordio.getvalue())
transformer = kmeans.transformer(
    1, "ml.m5.large", strategy="SingleRecord", assemble_with="Line", output_path=f"s3://{bucket}/answers"
)
transformer.transform(data, content_type="application/x-recordio-protobuf", split_type="RecordIO")
answers = [json.loads(line) for line in read(f"{transformer.output_path}/rows.protobuf.out").splitlines()]
assert len(answers) == 4 and answers[0]["closest_cluster"] != answers[2]["closest_cluster"], answers
print("recordio transformed")

# Batch transform: CSV with an identifier that is left out and joined again

data = put("batch/rows.csv", b"".join(b"id%d,%d,%d\n" % (number, *row) for number, row in enumerate(ROWS)))
transformer = kmeans.transformer(
    1, "ml.m5.large", assemble_with="Line", accept="text/csv", output_path=f"s3://{bucket}/joined"
)
transformer.transform(
    data, content_type="text/csv", split_type="Line", input_filter="$[1:]", join_source="Input", output_filter="$[0,-2]"
)
joined = [line.split(",") for line in read(f"{transformer.output_path}/rows.csv.out").decode().splitlines()]
assert [row[0] for row in joined] == ["id0", "id1", "id2", "id3"] and joined[0][1] != joined[2][1], joined
print("csv joined")

# An inference pipeline: PCA answers in CSV, which k-means reads

pca = sagemaker.PCA(
    role, 1, "ml.m5.large", num_components=1, output_path=f"s3://{bucket}/models", sagemaker_session=session
)
pca.fit(pca.record_set(ROWS), mini_batch_size=4)
kmeans_of_projections = sagemaker.KMeans(
    role, 1, "ml.m5.large", k=2, output_path=f"s3://{bucket}/models", sagemaker_session=session
)
kmeans_of_projections.fit(kmeans_of_projections.record_set(np.array([[-7.0], [7.0]], np.float32)), mini_batch_size=2)
stages = [pca.create_model(), kmeans_of_projections.create_model()]
stages[0].env = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}
pipeline = PipelineModel(stages, role, sagemaker_session=session)
endpoint = unique_name_from_base("pipeline")
pipeline.deploy(1, "ml.m5.large", endpoint_name=endpoint)
predictor = Predictor(endpoint, session, CSVSerializer(), JSONDeserializer())
found = predictor.predict(ROWS)["predictions"]
assert found[0]["closest_cluster"] == found[1]["closest_cluster"] != found[2]["closest_cluster"], found
predictor.delete_endpoint()
print("pipeline answered")

# A multi-model endpoint: two models, loaded by the container when they are asked first

models = MultiDataModel(
    unique_name_from_base("many"), f"s3://{bucket}/many/", model=kmeans.create_model(), sagemaker_session=session
)
predictor = models.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
models.add_model(kmeans.model_data, "two-columns.tar.gz")
models.add_model(kmeans_of_projections.model_data, "one-column.tar.gz")
assert sorted(models.list_models()) == ["one-column.tar.gz", "two-columns.tar.gz"]
two = predictor.predict([[0.0, 0.0]], target_model="two-columns.tar.gz")["predictions"][0]
one = predictor.predict([[7.0]], target_model="one-column.tar.gz")["predictions"][0]
assert two["distance_to_cluster"] == 0.5 and one["distance_to_cluster"] == 0.0, (two, one)
predictor.delete_endpoint()
print("models answered")

# Asynchronous inference


def arrived(response: AsyncInferenceResponse) -> object:
    """The answer once it is there. The SDK's own wait always takes as long as it may."""
    while True:
        try:
            return response.get_result()
        except ObjectNotExistedError:
            time.sleep(0.1)


model = Model(kmeans.training_image_uri(), kmeans.model_data, role, predictor_cls=Predictor, sagemaker_session=session)
later = model.deploy(1, "ml.m5.large", async_inference_config=AsyncInferenceConfig())
later.serializer, later.predictor.deserializer = CSVSerializer(), JSONDeserializer()
found = arrived(later.predict_async(data=ROWS))["predictions"]
assert len(found) == 4 and found[0]["distance_to_cluster"] == 0.5, found
later.predictor.deserializer = StringDeserializer()
try:
    arrived(later.predict_async(data="no,number"))
except AsyncInferenceModelError as error:
    assert "unable to evaluate payload provided" in str(error), error
later.delete_endpoint()
print("asynchronous answers came")
