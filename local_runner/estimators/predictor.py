"""Invokes an endpoint with arrays, as records."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from sagemaker.core.deserializers import BaseDeserializer
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.serializers import BaseSerializer

from wildsage.containers.codecs.records.files import Record, read_records, write_numpy_to_dense_tensor
from wildsage.local_runner.estimators.record_set import RECORDIO_PROTOBUF


class RecordSerializer(BaseSerializer):
    """Serializes rows (n, d), or one row (d,), as records.

    Source: `sagemaker.amazon.common.RecordSerializer` of SDK v2 [contract: formats, section 2].

    >>> import io
    >>> import numpy as np
    >>> from wildsage import RecordSerializer, read_records
    >>> body = RecordSerializer().serialize(np.array([1.5, 2.0], np.float32))
    >>> [record.features["values"].float32_tensor.values for record in read_records(io.BytesIO(body))]
    [[1.5, 2.0]]
    """

    CONTENT_TYPE = RECORDIO_PROTOBUF

    def serialize(self, data: Any) -> bytes:
        """Records of the rows in `data`. Raises as `write_numpy_to_dense_tensor` does."""
        buffer = io.BytesIO()
        write_numpy_to_dense_tensor(buffer, np.atleast_2d(data))
        return buffer.getvalue()


class RecordDeserializer(BaseDeserializer):
    """Deserializes the records of a response, one per row.

    Source: `sagemaker.amazon.common.RecordDeserializer` of SDK v2 [contract: formats, section 2].

    >>> import io
    >>> import numpy as np
    >>> from wildsage import RecordDeserializer, RecordSerializer
    >>> body = RecordSerializer().serialize(np.ones((2, 3), np.float32))
    >>> len(RecordDeserializer().deserialize(io.BytesIO(body), "application/x-recordio-protobuf"))
    2
    """

    ACCEPT = (RECORDIO_PROTOBUF,)

    def deserialize(self, stream: Any, content_type: str) -> list[Record]:
        """Read the stream to its end and close it. Raises BadRecord, which names the record that is damaged."""
        try:
            return read_records(stream)
        finally:
            stream.close()


class Predictor:
    """Invokes an endpoint. By default requests and responses are records.

    `deploy` of an estimator returns one; this is the way to an endpoint that exists. Source: `sagemaker.predictor.Predictor`
    of SDK v2.

    >>> from sagemaker.core.deserializers import JSONDeserializer
    >>> from sagemaker.core.serializers import CSVSerializer
    >>> from wildsage import Predictor
    >>> predictor = Predictor("my-endpoint", serializer=CSVSerializer(), deserializer=JSONDeserializer())
    >>> predictor.predict([[0.5, 1.0]])
    Traceback (most recent call last):
    ...
    botocore.errorfactory.ValidationError: An error occurred (ValidationError) when calling the InvokeEndpoint operation: \
    Endpoint my-endpoint of account 000000000000 not found.
    """

    def __init__(
        self,
        endpoint_name: str,
        sagemaker_session: Session | None = None,
        serializer: BaseSerializer | None = None,
        deserializer: BaseDeserializer | None = None,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.sagemaker_session = sagemaker_session or Session()
        self.serializer = serializer or RecordSerializer()
        self.deserializer = deserializer or RecordDeserializer()

    def predict(self, data: Any, initial_args: dict[str, Any] | None = None, target_variant: str | None = None) -> Any:
        """The deserialized response. `initial_args` are fields of InvokeEndpoint that override the serializers'.

        Raises botocore's ClientError, with SageMaker's own text, if the endpoint does not answer with status 2xx.
        """
        accept = self.deserializer.ACCEPT
        request = {
            "EndpointName": self.endpoint_name,
            "ContentType": self.serializer.CONTENT_TYPE,
            "Accept": accept if isinstance(accept, str) else ", ".join(accept),
            **({"TargetVariant": target_variant} if target_variant else {}),
            **(initial_args or {}),
        }
        runtime = self.sagemaker_session.sagemaker_runtime_client
        response = runtime.invoke_endpoint(**request, Body=self.serializer.serialize(data))
        return self.deserializer.deserialize(response["Body"], response["ContentType"])

    def delete_endpoint(self, delete_endpoint_config: bool = True) -> None:
        """Delete the endpoint and, unless `delete_endpoint_config` is False, its configuration."""
        endpoint = self._endpoint()
        if delete_endpoint_config:
            self._config(endpoint).delete()
        endpoint.delete()

    def delete_model(self) -> None:
        """Delete the models of the endpoint, which must still exist."""
        for variant in self._config(self._endpoint()).production_variants:
            Model.get(model_name=variant.model_name, **self._session_arguments()).delete()

    def _endpoint(self) -> Endpoint:
        return Endpoint.get(endpoint_name=self.endpoint_name, **self._session_arguments())

    def _config(self, endpoint: Endpoint) -> EndpointConfig:
        return EndpointConfig.get(endpoint_config_name=endpoint.endpoint_config_name, **self._session_arguments())

    def _session_arguments(self) -> dict[str, Any]:
        return {"session": self.sagemaker_session.boto_session, "region": self.sagemaker_session.boto_region_name}
