"""Filters and joins of batch transform, against the developer guide's own examples."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.jobs.transform.data_processing import BadFilter, DataProcessing, Filter


def processing(content_type: str, split: str = "Line", **fields: str) -> DataProcessing:
    source = {"ContentType": content_type, "SplitType": split}
    return DataProcessing.from_request({"TransformInput": source, "DataProcessing": fields})


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$", [1, 2, 3, 4]),
        ("$[0]", 1),
        ("$[-1]", 4),
        ("$[1:]", [2, 3, 4]),
        ("$[0,3]", [1, 4]),
        ("$[-2:]", [3, 4]),
        ("$[::2]", [1, 3]),
        ("$[*]", [1, 2, 3, 4]),
    ],
)
def test_indexes(path, selected):
    assert Filter.parse(path).apply([1, 2, 3, 4]) == selected


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$.id", 7),
        ("$['id']", 7),
        ("$.deep.list[1]", 2),
        ("$['id','deep']", {"id": 7, "deep": {"list": [1, 2]}}),
        ("$.deep.list[*]", [1, 2]),
        ("$.deep['list','none']", {"list": [1, 2]}),
        ("$.deep.list[0,1]", [1, 2]),
        ("$['deep','rest'].list", {"list": [1, 2]}),
    ],
)
def test_names(path, selected):
    assert Filter.parse(path).apply({"id": 7, "deep": {"list": [1, 2]}, "rest": 0}) == selected


def test_several_names_give_an_object_wherever_it_lies():
    value = {"rows": [{"id": 7, "text": "a"}, {"id": 8, "text": "b"}]}
    assert Filter.parse("$.rows[1]['id','text']").apply(value) == {"id": 8, "text": "b"}


@pytest.mark.parametrize("path", ["", "$[", "id", "$..id", "$[?@.id > 1]", "$.a | $.b", "$.a[?(@)]"])
def test_what_sagemaker_does_not_know_is_rejected(path):
    with pytest.raises(BadFilter, match="expected a JSONPath"):
        Filter.parse(path)


def test_a_filter_that_selects_nothing_says_so():
    with pytest.raises(UserError, match=r"the filter \$.features selects nothing of \{\"id\": 1\}"):
        Filter.parse("$.features").apply({"id": 1})


def test_a_value_is_shown_in_its_own_letters():
    with pytest.raises(UserError, match=r"selects nothing of \"ä\"$"):
        Filter.parse("$.features").apply("ä")


def test_what_is_wrong_with_a_path_is_said():
    with pytest.raises(BadFilter, match=r"\(unexpected end of query\)"):
        Filter.parse("$[")


@pytest.mark.parametrize(("length", "shown"), [(78, '"' + "x" * 78 + '"'), (79, '"' + "x" * 79 + "…")])
def test_a_long_value_is_shown_by_its_first_eighty_characters(length, shown):
    with pytest.raises(UserError) as caught:
        Filter.parse("$.features").apply("x" * length)
    assert str(caught.value) == f"the filter $.features selects nothing of {shown}"


def test_csv_keeps_the_texts_of_its_fields():
    job = processing("text/csv; label_size=0", InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-1]")
    record = b'"a ""b"", c",1.50,2e3'
    assert job.request(record) == b"1.50,2e3"
    assert job.output([record], b"0.10,x\n", "text/csv; charset=utf-8") == b'"a ""b"", c",x\n'


def test_csv_without_a_split_is_joined_row_by_row():
    job = processing("text/csv", split="None", JoinSource="Input")
    assert job.output([b"1,2\n3,4\n"], b"x\ny\n", "text/csv") == b"1,2,x\n3,4,y\n"


def test_a_json_document_keeps_its_keys_beside_the_answer():
    job = processing("application/json", "None", JoinSource="Input", OutputFilter="$['id','SageMakerOutput']")
    record = '{"id": "ä",\n "features": [1, 2]}'.encode()
    assert (
        job.output([record], b'{"score":\n 0.5}', "application/json")
        == '{"id":"ä","SageMakerOutput":{"score":0.5}}'.encode()
    )


def test_json_records_in_lines_get_one_answer_each():
    job = processing("application/json", InputFilter="$.features", JoinSource="Input")
    records = [b'{"features": [1], "text": "a\xe2\x80\xa8b"}', b'{"features": [2]}']
    assert [job.request(record) for record in records] == [b"[1]", b"[2]"]
    assert job.output(records, b"0.1\n0.2\n", "application/jsonlines").splitlines()[1] == (
        b'{"features":[2],"SageMakerOutput":0.2}'
    )


@pytest.mark.parametrize("answer_type", ["application/json", "application/jsonlines"])
def test_two_records_in_one_request_have_an_answer_in_a_line_each(answer_type):
    job = processing("application/json", JoinSource="Input", OutputFilter="$.SageMakerOutput")
    assert job.output([b"{}", b"{}"], b"1\n\n2\n", answer_type).split() == [b"1", b"2"]


def test_the_answer_to_one_record_may_have_several_lines():
    job = processing("application/json", JoinSource="Input")
    assert job.output([b'{"id": 7}'], b'{"a":\n 1}\n', "application/json") == b'{"id":7,"SageMakerOutput":{"a":1}}'


def test_an_object_of_json_lines_is_joined_line_by_line_without_a_split():
    job = processing("application/x-jsonlines", split="None", InputFilter="$.x", JoinSource="Input")
    lines = b'{"x": 1}\n\n{"x": 2}\n'
    assert job.request(lines) == b"1\n2"
    assert job.output([lines], b'"a"\n"b"\n', "application/jsonl") == (
        b'{"x":1,"SageMakerOutput":"a"}\n{"x":2,"SageMakerOutput":"b"}\n'
    )


def test_the_filter_of_one_field_of_csv_makes_a_row_of_it():
    job = processing("text/csv", InputFilter="$[1]", OutputFilter="$[0]")
    assert job.request(b"1,two words,3") == b"two words"
    assert job.output([b"1"], b"0.5,0.9\n\n0.1,0.2\n", "text/csv") == b"0.5\n0.1\n"


@pytest.mark.parametrize(
    ("fields", "filters", "reads", "changes_output"),
    [
        ({}, False, False, False),
        ({"InputFilter": "$"}, False, False, False),
        ({"InputFilter": "$[1:]"}, True, True, False),
        ({"OutputFilter": "$[0]"}, False, False, True),
        ({"JoinSource": "Input"}, False, True, True),
        ({"JoinSource": "None"}, False, False, False),
    ],
)
def test_what_is_asked_for_says_what_must_be_read(fields, filters, reads, changes_output):
    job = processing("text/csv", **fields)
    assert (job.filters_records, job.reads_records, job.changes_output) == (filters, reads, changes_output)
    assert job.changes_records == bool(reads or changes_output)


def test_an_output_filter_needs_no_join():
    job = processing("image/png", "None", OutputFilter="$.label")
    assert job.output([b"\x89PNG"], b'{"label": 3, "score": 0.5}', "application/json") == b"3"


@pytest.mark.parametrize(
    ("content_type", "records", "answer", "answer_type", "message"),
    [
        (
            "text/csv",
            [b"1"],
            b"{}",
            "application/json",
            "the answer is application/json, which cannot be joined to text/csv",
        ),
        ("text/csv", [b"1", b"2"], b"x\n", "text/csv", "2 records were sent, but the answer has 1"),
        ("application/json", [b"{}"], b"{", "application/json", "the body is not valid application/json: "),
        ("application/json", [b"{}"], b"x", None, "content type not given can be neither filtered nor joined"),
        ("text/csv", [b"\xff"], b"x", "text/csv", "the body is not valid text/csv: 'utf-8' codec can't decode"),
    ],
)
def test_what_cannot_be_joined_says_why(content_type, records, answer, answer_type, message):
    with pytest.raises(UserError) as caught:
        processing(content_type, JoinSource="Input").output(records, answer, answer_type)
    assert message in str(caught.value)


def test_nothing_asked_nothing_changed():
    job = processing("image/png")
    assert job.request(b"\x00") == b"\x00" and job.output([b"\x00"], b"\x01", "image/png") == b"\x01"
