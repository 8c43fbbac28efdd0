"""Base class of the estimators: train, deploy and transform with SDK v3's resources."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray
from sagemaker.core import image_uris
from sagemaker.core.common_utils import name_from_base
from sagemaker.core.deserializers import BaseDeserializer
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.serializers import BaseSerializer
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    CheckpointConfig,
    ContainerDefinition,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    StoppingCondition,
    VpcConfig,
)
from sagemaker.core.transformer import Transformer

from wildsage.local_runner.estimators import record_set
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter, declared, formatted
from wildsage.local_runner.estimators.predictor import Predictor
from wildsage.local_runner.estimators.record_set import RecordSet

DAY_S = 24 * 60 * 60
VARIANT = "AllTraffic"


class Estimator:
    """A built-in algorithm. In the constructor its hyperparameters follow `instance_type`, in the order of their declaration.

    `role`: name or ARN, by default the caller's role. `instance_count`, `instance_type`: hosts of the training job.
    `data_location`: prefix for `record_set`, `s3://bucket/prefix/`. `volume_size` is in GB; `max_run` and `max_wait` are in
    seconds. All other arguments have the names and the meaning of SDK v2's estimators. Raises ValueError for an invalid
    hyperparameter.
    """

    repository: ClassVar[str]
    version: ClassVar[str] = "1"
    fixed: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """Give the constructor a signature for `help` and editors."""
        settings = inspect.signature(Estimator._configure).parameters.values()
        own = [parameter for parameter in declared(cls) if parameter.attribute in vars(cls)]
        named = [inspect.Parameter(p.attribute, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for p in own]
        _, role, count, instance_type, *others = settings
        cls.__signature__ = inspect.Signature([role, count, instance_type, *named, *others])  # type: ignore[attr-defined]

    feature_dim = Hyperparameter(int, low=1)
    mini_batch_size = Hyperparameter(int, low=1)

    def __init__(self, *values: Any, **named: Any) -> None:
        bound = inspect.signature(type(self)).bind(*values, **named).arguments
        for parameter in declared(type(self)):
            setattr(self, parameter.attribute, bound.pop(parameter.attribute, None))
        self._configure(**bound)

    def _configure(
        self,
        role: str | None = None,
        instance_count: int = 1,
        instance_type: str | None = None,
        *,
        data_location: str | None = None,
        enable_network_isolation: bool = False,
        volume_size: int = 30,
        volume_kms_key: str | None = None,
        max_run: int = DAY_S,
        input_mode: str = "File",
        output_path: str | None = None,
        output_kms_key: str | None = None,
        base_job_name: str | None = None,
        sagemaker_session: Session | None = None,
        tags: Sequence[Mapping[str, str]] = (),
        subnets: Sequence[str] = (),
        security_group_ids: Sequence[str] = (),
        encrypt_inter_container_traffic: bool = False,
        use_spot_instances: bool = False,
        max_wait: int | None = None,
        checkpoint_s3_uri: str | None = None,
        checkpoint_local_path: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Set all arguments except the hyperparameters."""
        self.sagemaker_session = sagemaker_session or Session()
        self.role = self.sagemaker_session.expand_role(role or get_execution_role(self.sagemaker_session))
        self.instance_count = instance_count
        self.instance_type = instance_type
        bucket = f"s3://{self.sagemaker_session.default_bucket()}"
        self.data_location = f"{(data_location or f'{bucket}/sagemaker-record-sets').rstrip('/')}/"
        self.output_path = output_path or f"{bucket}/"
        self.base_job_name = base_job_name or self.repository
        self.input_mode = input_mode
        self.tags = list(tags)
        self.enable_network_isolation = enable_network_isolation
        self.output_kms_key = output_kms_key
        self.resources = _without_empty(volume_size_in_gb=volume_size, volume_kms_key_id=volume_kms_key)
        self.stopping = _without_empty(max_runtime_in_seconds=max_run, max_wait_time_in_seconds=max_wait)
        self.vpc = _without_empty(subnets=list(subnets), security_group_ids=list(security_group_ids))
        self.checkpoints = _without_empty(s3_uri=checkpoint_s3_uri, local_path=checkpoint_local_path)
        self.encrypt_inter_container_traffic = encrypt_inter_container_traffic
        self.use_spot_instances = use_spot_instances
        self.environment = dict(environment or {})
        self.latest_training_job: TrainingJob | None = None

    def hyperparameters(self) -> dict[str, str]:
        """The hyperparameters that are set, as the training job gets them."""
        return {**self.fixed, **formatted(self)}

    def training_image_uri(self) -> str:
        """URI of Amazon's image of the algorithm in the session's region."""
        return image_uris.retrieve(self.repository, self.sagemaker_session.boto_region_name, version=self.version)

    @property
    def model_data(self) -> str:
        """S3 URI of the trained model's archive. Raises ValueError before `fit`."""
        job = self._job()
        job.refresh()
        return job.model_artifacts.s3_model_artifacts

    def record_set(
        self,
        train: NDArray,
        labels: NDArray | None = None,
        channel: str = "train",
        encrypt: bool = False,
        distribution: str = "ShardedByS3Key",
    ) -> RecordSet:
        """Upload rows (n, d) and labels (n,) as records for a channel of `fit`, one object per instance.

        Raises ValueError if there are fewer rows than instances.
        """
        folder = f"{self.data_location}{name_from_base(type(self).__name__)}/"
        s3 = self.sagemaker_session.boto_session.client("s3", region_name=self.sagemaker_session.boto_region_name)
        manifest = record_set.upload(s3, folder, self.instance_count, train, labels, encrypt)
        return RecordSet(manifest, len(train), train.shape[1], channel=channel, distribution=distribution)

    def fit(
        self,
        records: RecordSet | Sequence[RecordSet],
        mini_batch_size: int | None = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
    ) -> None:
        """Train on one record set, or on several with different channels. With `wait` it returns when the job has ended.

        Raises ValueError without a channel `train`, and the SDK's FailedStatusError if the job fails.
        """
        channels = [records] if isinstance(records, RecordSet) else list(records)
        train = _record_set_of(channels, "train")
        self.feature_dim = train.feature_dim
        self.mini_batch_size = mini_batch_size or self.mini_batch_size_of(train)
        self.latest_training_job = TrainingJob.create(
            **self._job_request(job_name or name_from_base(self.base_job_name), channels), **self._session_arguments()
        )
        if wait:
            self.latest_training_job.wait(logs=logs)

    def mini_batch_size_of(self, records: RecordSet) -> int | None:
        """Rows of a mini-batch if `fit` gets none; None means the algorithm's default."""
        return None

    def deploy(
        self,
        initial_instance_count: int,
        instance_type: str,
        serializer: BaseSerializer | None = None,
        deserializer: BaseDeserializer | None = None,
        endpoint_name: str | None = None,
        wait: bool = True,
        model_name: str | None = None,
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Predictor:
        """Deploy the trained model to an endpoint. With `wait` it returns when the endpoint is in service.

        Raises ValueError before `fit`, and the SDK's FailedStatusError if the endpoint cannot start.
        """
        name = endpoint_name or name_from_base(self.base_job_name)
        variant = ProductionVariant(
            variant_name=VARIANT,
            model_name=self._create_model(model_name).model_name,
            initial_instance_count=initial_instance_count,
            instance_type=instance_type,
        )
        session, tag_arguments = self._session_arguments(), _without_empty(tags=_tags([*self.tags, *tags]))
        EndpointConfig.create(endpoint_config_name=name, production_variants=[variant], **tag_arguments, **session)
        endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name, **tag_arguments, **session)
        if wait:
            endpoint.wait_for_status("InService")
        return Predictor(name, self.sagemaker_session, serializer, deserializer)

    def transformer(
        self, instance_count: int, instance_type: str, model_name: str | None = None, **settings: Any
    ) -> Transformer:
        """A Transformer for the trained model; `settings` are further arguments of the SDK's Transformer."""
        return Transformer(
            model_name=self._create_model(model_name).model_name,
            instance_count=instance_count,
            instance_type=instance_type,
            sagemaker_session=self.sagemaker_session,
            base_transform_job_name=self.base_job_name,
            **settings,
        )

    def _job_request(self, name: str, channels: Sequence[RecordSet]) -> dict[str, Any]:
        instances = _without_empty(
            instance_type=self.instance_type, instance_count=self.instance_count, **self.resources
        )
        return _without_empty(
            training_job_name=name,
            role_arn=self.role,
            algorithm_specification=AlgorithmSpecification(
                training_image=self.training_image_uri(), training_input_mode=self.input_mode
            ),
            hyper_parameters=self.hyperparameters(),
            input_data_config=[records.data_channel(self.input_mode) for records in channels],
            output_data_config=OutputDataConfig(
                **_without_empty(s3_output_path=self.output_path, kms_key_id=self.output_kms_key)
            ),
            resource_config=ResourceConfig(**instances),
            stopping_condition=StoppingCondition(**self.stopping),
            vpc_config=VpcConfig(**self.vpc) if self.vpc else None,
            checkpoint_config=CheckpointConfig(**self.checkpoints) if self.checkpoints else None,
            tags=_tags(self.tags),
            environment=self.environment,
            enable_network_isolation=self.enable_network_isolation or None,
            enable_inter_container_traffic_encryption=self.encrypt_inter_container_traffic or None,
            enable_managed_spot_training=self.use_spot_instances or None,
        )

    def _create_model(self, name: str | None) -> Model:
        container = ContainerDefinition(image=self.training_image_uri(), model_data_url=self.model_data)
        return Model.create(
            model_name=name or name_from_base(self.base_job_name),
            primary_container=container,
            execution_role_arn=self.role,
            **_without_empty(
                tags=_tags(self.tags),
                vpc_config=VpcConfig(**self.vpc) if self.vpc else None,
                enable_network_isolation=self.enable_network_isolation or None,
            ),
            **self._session_arguments(),
        )

    def _job(self) -> TrainingJob:
        if self.latest_training_job is None:
            raise ValueError("The estimator has no model yet. Call fit first.")
        return self.latest_training_job

    def _session_arguments(self) -> dict[str, Any]:
        return {"session": self.sagemaker_session.boto_session, "region": self.sagemaker_session.boto_region_name}


def _record_set_of(records: Sequence[RecordSet], channel: str) -> RecordSet:
    for found in records:
        if found.channel == channel:
            return found
    raise ValueError(f"Must provide {channel} channel.")


def _without_empty(**settings: Any) -> dict[str, Any]:
    """The settings that are not empty. SDK v3's resources do not accept None for absent fields."""
    return {name: value for name, value in settings.items() if value not in (None, [], {})}


def _tags(tags: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Tags as dictionaries, because the SDK has two classes named Tag and accepts a dictionary for both."""
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in tags]
