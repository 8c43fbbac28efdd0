"""What an algorithm says of itself, and what it need not say."""

from wildsage.algorithms.base.spec import Metric, Response, Spec

RESPONSE = Response("predictions", ("score",))
SPEC = Spec("toy", "Toy", RESPONSE, ("text/csv",), metrics=(Metric("rmse", "loss"), Metric(r"f_1\.\d+", "score")))


def test_what_is_not_said_is_usual():
    assert (RESPONSE.verbose, RESPONSE.compact_lines) == ((), False)
    assert (SPEC.data, SPEC.label_size, SPEC.program) == ("rows", 1, False)
    assert {channel.name: channel.required for channel in SPEC.channels} == {
        "train": True,
        "test": False,
        "model": False,
    }
    assert (Metric("rmse", "loss").defined, Metric("rmse", "loss").defined_as) == (True, None)


def test_a_metric_is_found_by_its_whole_name_which_may_be_an_expression():
    assert SPEC.metric("rmse") == SPEC.metrics[0]
    assert SPEC.metric("f_1.000") == SPEC.metrics[1]
    assert [SPEC.metric(name) for name in ("rmse2", "1rmse", "f_1000", "")] == [None] * 4
