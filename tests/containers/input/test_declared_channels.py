"""The channels of a job against those of its algorithm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.spec import Channel, Response, Spec
from wildsage.containers.codecs.media_type import MediaType, UnsupportedMediaType
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.input.declared_channels import media_types

TYPES = ("application/x-recordio-protobuf", "text/csv")
SPEC = Spec("toy", "Toy", Response("predictions", ("score",)), TYPES)
CSV = ChannelConfig("text/csv; label_size=0")


def job(**channels: ChannelConfig) -> TrainingJob:
    return TrainingJob(channels=channels)


def test_every_channel_of_data_has_the_type_that_the_user_gave_or_the_first_of_the_algorithm():
    found = media_types(SPEC, job(test=ChannelConfig(), train=CSV))
    assert list(found) == ["test", "train"]
    assert found == {"test": MediaType(TYPES[0]), "train": MediaType("text/csv", {"label_size": "0"})}


def test_the_channel_of_an_earlier_model_and_lists_of_images_hold_no_data():
    images = replace(SPEC, channels=(*SPEC.channels, Channel("train_lst", required=False)))
    channels = job(train=CSV, train_lst=ChannelConfig("anything/else"), model=ChannelConfig("anything/else"))
    assert list(media_types(images, channels)) == ["train"]


@pytest.mark.parametrize(
    ("channels", "got"),
    [({}, "none"), ({"test": CSV}, "test"), ({"train": CSV, "extra": CSV}, "train, extra"), ({"extra": CSV}, "extra")],
)
def test_a_missing_or_unknown_channel_is_rejected_with_those_that_are_known(channels, got):
    with pytest.raises(UserError) as caught:
        media_types(SPEC, job(**channels))
    expected = f"Channels: got {got}; toy expects model, test, train, of which train is required."
    assert str(caught.value) == expected


def test_a_type_that_the_algorithm_does_not_read_is_rejected():
    with pytest.raises(UnsupportedMediaType) as caught:
        media_types(SPEC, job(train=CSV, test=ChannelConfig("application/json")))
    assert str(caught.value) == f"Channel test: got content type 'application/json', expected {' or '.join(TYPES)}."
