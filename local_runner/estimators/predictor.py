"""An endpoint to be asked with arrays, and how arrays become requests."""

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
    """Rows (n, d), or one row (d,), as records."""

    CONTENT_TYPE = RECORDIO_PROTOBUF

    def serialize(self, data: Any) -> bytes:
        """Raises ValueError for an array of other dimensions."""
        buffer = io.BytesIO()
        write_numpy_to_dense_tensor(buffer, np.atleast_2d(data))
        return buffer.getvalue()


class RecordDeserializer(BaseDeserializer):
    """Records of an answer, one a row."""

    ACCEPT = (RECORDIO_PROTOBUF,)

    def deserialize(self, stream: Any, content_type: str) -> list[Record]:
        """Reads the stream to its end and closes it."""
        try:
            return read_records(stream)
        finally:
            stream.close()


class Predictor:
    """Asks an endpoint. Rows go as records and answers come as records, unless told otherwise."""

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
        """The deserialized answer; `initial_args` are fields of InvokeEndpoint that win over the serializers'."""
        accept = self.deserializer.ACCEPT
        request = {
            "EndpointName": self.endpoint_name,
            "ContentType": self.serializer.CONTENT_TYPE,
            "Accept": accept if isinstance(accept, str) else ", ".join(accept),
            **({"TargetVariant": target_variant} if target_variant else {}),
            **(initial_args or {}),
        }
        runtime = self.sagemaker_session.sagemaker_runtime_client
        answer = runtime.invoke_endpoint(**request, Body=self.serializer.serialize(data))
        return self.deserializer.deserialize(answer["Body"], answer["ContentType"])

    def delete_endpoint(self, delete_endpoint_config: bool = True) -> None:
        """Delete the endpoint, and its configuration too unless told otherwise."""
        endpoint = self._endpoint()
        if delete_endpoint_config:
            self._config(endpoint).delete()
        endpoint.delete()

    def delete_model(self) -> None:
        """Delete the models behind the endpoint, which must still be there."""
        for variant in self._config(self._endpoint()).production_variants:
            Model.get(model_name=variant.model_name, **self._session_arguments()).delete()

    def _endpoint(self) -> Endpoint:
        return Endpoint.get(endpoint_name=self.endpoint_name, **self._session_arguments())

    def _config(self, endpoint: Endpoint) -> EndpointConfig:
        return EndpointConfig.get(endpoint_config_name=endpoint.endpoint_config_name, **self._session_arguments())

    def _session_arguments(self) -> dict[str, Any]:
        return {"session": self.sagemaker_session.boto_session, "region": self.sagemaker_session.boto_region_name}
