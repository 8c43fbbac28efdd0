"""A script in training: what it is given, what its end means, and what the log and the reason of a failure say."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest

from wildsage.containers.frameworks import source, training

SEE = """
import json, os, sys
from helper import name
seen = {"arguments": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ), "helper": name, "python": sys.executable}
json.dump(seen, open(os.path.join(os.environ["SM_MODEL_DIR"], "seen.json"), "w"))
"""


def test_a_script_gets_sorted_arguments_and_all_variables(train):
    hyperparameters = {
        "epochs": 5,
        "batch-size": 0.5,
        "l": "text",
        "flag": True,
        "none": None,
        "options": {"b": 1, "a": "x"},
        "layers": [1, 2],
        "sagemaker_container_log_level": 20,
        "sagemaker_job_name": "job-1",
        "sagemaker_parameter_server_enabled": False,
        "_tuning_objective_metric": "loss",
    }
    done = train({"train.py": SEE, "helper.py": "name = 'found'"}, hyperparameters=hyperparameters)
    assert done.status == 0, done.log
    seen, root = done.json("seen.json"), done.opt_ml.root
    assert seen["arguments"] == [
        *("--batch-size", "0.5", "--epochs", "5", "--flag", "True", "-l", "text"),
        *("--layers", "[1, 2]", "--none", "", "--options", "a=x,b=1"),
    ]
    assert (seen["folder"], seen["helper"]) == (str(root / "code"), "found")
    variables = seen["variables"]
    assert variables["SM_HP_BATCH-SIZE"] == "0.5"
    assert variables["SM_HP_NONE"] == ""
    assert variables["SM_HOSTS"] == '["algo-1"]'
    assert variables["SM_CHANNELS"] == '["training"]'
    assert variables["SM_CHANNEL_TRAINING"] == str(root / "input/data/training")
    assert variables["SM_MODEL_DIR"] == str(root / "model")
    assert variables["SM_OUTPUT_DATA_DIR"] == str(root / "output/data")
    assert variables["SM_OUTPUT_INTERMEDIATE_DIR"] == str(root / "output/intermediate")
    assert variables["SM_FRAMEWORK_PARAMS"] == '{"sagemaker_parameter_server_enabled":false}'
    assert variables["SM_CURRENT_INSTANCE_TYPE"] == "ml.m5.large"
    assert variables["SM_INSTANCE_GROUPS"] == '["homogeneousCluster"]'
    assert variables["SM_MODULE_NAME"] == "train"
    assert variables["SM_USER_ENTRY_POINT"] == "train.py"
    assert json.loads(variables["SM_HPS"])["layers"] == [1, 2]
    assert json.loads(variables["SM_USER_ARGS"]) == seen["arguments"]
    assert json.loads(variables["SM_TRAINING_ENV"])["is_master"] is True
    assert json.loads(variables["SM_RESOURCE_CONFIG"])["current_instance_type"] == "ml.m5.large"
    assert json.loads(variables["SM_INPUT_DATA_CONFIG"])["training"]["ContentType"] == "text/csv"
    assert variables["SAGEMAKER_JOB_NAME"] == "job-1" and variables["SAGEMAKER_REGION"] == "eu-west-1"
    assert done.opt_ml.success.exists()
    assert "Reporting training SUCCESS" in done.log
    assert "The image asks for scikit-learn 1.2-1; sklearn " in done.log
    assert f"Invoking script with the following command:\n\n{seen['python']} train.py --batch-size 0.5" in done.log


def test_a_value_that_is_not_json_stays_as_it_is(lay_out, environment, starting):
    opt_ml = lay_out({"train.py": "import os; print('objective is', os.environ['SM_HP_OBJECTIVE'])"}, {})
    given = json.loads(opt_ml.hyperparameters.read_text())
    opt_ml.hyperparameters.write_text(json.dumps({**given, "objective": "reg:squarederror"}))
    log = starting(opt_ml, environment).communicate(timeout=240)[0]
    assert "Failed to parse hyperparameter objective value reg:squarederror to Json.\nReturning the value itself" in log
    assert "\nobjective is reg:squarederror\n" in log


def test_a_failing_script_leaves_its_own_traceback(train):
    script = "import sys\nprint('a warning', file=sys.stderr)\ndef read(): raise ValueError('no rows in ' + 'x' * 30)\nread()"
    done = train({"train.py": script}, hyperparameters={"epochs": 5})
    assert done.status == 1
    assert done.reason.startswith(
        'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "Traceback (most recent call last):\n  File '
    )
    assert "ValueError: no rows in xxxxx" in done.reason
    assert done.reason.endswith('train.py --epochs 5"')
    assert "a warning" in done.log and "Reporting training FAILURE" in done.log


def test_a_long_traceback_is_cut_where_it_says_least(train):
    script = "def fall(n):\n    if n: fall(n - 1)\n    raise ValueError('the cause')\nfall(50)"
    done = train({"train.py": script})
    assert len("AlgorithmError: " + done.reason) <= 1024
    assert "ValueError: the cause" in done.reason and "Command" in done.reason


def test_a_script_that_writes_its_reason_keeps_it(train):
    script = (
        "import os; open(os.path.join(os.environ['SM_OUTPUT_DIR'], 'failure'), 'w').write('mine'); raise SystemExit(3)"
    )
    done = train({"train.py": script})
    assert (done.status, done.reason) == (1, "mine")
    assert "ExitCode 3" in done.log


def test_shell_scripts_and_packages_are_entry_points_too(train):
    shell = 'echo "$0 $@ in $(pwd)"; python -c "import sys; print(sys.executable)" > $SM_MODEL_DIR/python'
    done = train({"run.sh": shell}, program="run.sh", hyperparameters={"name": "two words"})
    assert done.status == 0, done.log
    assert f"./run.sh --name two words in {done.opt_ml.code}" in done.log


@pytest.mark.slow
def test_code_with_a_setup_is_installed_for_the_job_alone(train):
    code = {
        "setup.py": "from setuptools import setup; setup(name='own-code', version='1', py_modules=['task'])",
        "task.py": "import sys, os; open(os.path.join(os.environ['SM_MODEL_DIR'], 'ran'), 'w').write(__name__ + sys.argv[2])",
    }
    done = train(code, program="task.py", hyperparameters={"epochs": 5})
    if "cannot reach the package index" in done.log:
        pytest.skip("building a package needs the package index")
    assert done.status == 0, done.log
    assert (done.opt_ml.model / "ran").read_text() == "__main__5"


@pytest.mark.parametrize("hosts", [1, 2])
def test_with_mpi_the_hosts_that_do_not_lead_have_nothing_to_do(train, hosts):
    done = train({}, host=f"algo-{hosts}", hosts=2, hyperparameters={"sagemaker_mpi_enabled": True})
    said = "distribution mpi: algo-1 starts the processes of all hosts." in done.log
    assert (said, done.status, done.opt_ml.success.exists()) == ((True, 0, True) if hosts == 2 else (False, 1, False))


def test_a_script_finds_its_own_modules_first_and_the_programs_of_its_python(train):
    script = "import json, os, sys; json.dump([os.environ[n] for n in ('PATH', 'PYTHONPATH')], open('seen.json', 'w'))"
    done = train({"train.py": script}, {"PATH": "/users", "PYTHONPATH": "/modules"})
    path, modules = json.loads((done.opt_ml.code / "seen.json").read_text())
    assert path.split(":")[1:] == ["/users"] and (Path(path.split(":")[0]) / "python").exists()
    assert modules.split(":")[:2] == [str(done.opt_ml.code), "/modules"]


def test_variables_of_the_job_win_over_those_of_the_container(train):
    script = "import os; print(os.environ['SM_HOSTS'], os.environ['MASTER_PORT'], os.environ['OWN'])"
    variables = {"SM_HOSTS": "wrong", "MASTER_PORT": "1234", "OWN": "kept", "WILDSAGE_FRAMEWORK": "pytorch"}
    assert '\n["algo-1"] 1234 kept\n' in train({"train.py": script}, variables).log


def test_an_image_of_any_version_says_so(train):
    log = train({"train.py": ""}, {"WILDSAGE_IMAGE_TAG": ""}).log
    assert " sagemaker-training-toolkit INFO     The image asks for scikit-learn of any version; sklearn " in log
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} sagemaker-training-toolkit INFO ", log)


def test_the_moment_of_a_line_is_in_milliseconds(monkeypatch, capsys):
    monkeypatch.setattr(time, "time", lambda: 86_400.0625)
    training._log("text", "ERROR")
    assert capsys.readouterr().out == "1970-01-02 00:00:00,062 sagemaker-training-toolkit ERROR    text\n"


@pytest.mark.parametrize(("error", "status"), [(OSError(28, "No space left"), 28), (ValueError("a bug"), 1)])
def test_an_unexpected_error_leaves_its_trace_and_its_number(train, monkeypatch, error, status):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(source, "bring", fail)
    done = train({"train.py": ""})
    assert done.status == status and not done.opt_ml.success.exists()
    assert done.reason.startswith("Framework Error: \nTraceback (most recent call last):\n")
    assert done.reason.endswith(f"\n{error}")


@pytest.mark.parametrize(
    ("text", "hint"), [("no such file: '/opt/ml/input/a'", True), ("'/opt/other'", False), ("see /opt/ml", False)]
)
def test_a_path_of_the_contract_that_is_not_here_is_explained(train, text, hint):
    done = train({"train.py": f"raise ValueError({text!r})"})
    assert done.reason.startswith("/opt/ml is not this job's folder on this machine") is hint


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("tarin.py", "ClientError: The entry point tarin.py is not in the code, which holds train.py."),
        ("../train.py", "ClientError: The entry point '../train.py' cannot be used."),
        ("", "ClientError: The job names no script. An image of scikit-learn runs the script that"),
    ],
)
def test_an_entry_point_that_is_not_there_is_the_users_mistake(train, program, message):
    done = train({"train.py": ""}, program=program)
    assert done.status == 1
    assert done.reason.startswith(message)


def test_code_that_is_not_there_is_named(train):
    done = train({}, hyperparameters={"sagemaker_submit_directory": "/no/such/folder"})
    assert done.reason.startswith("ClientError: The code at /no/such/folder does not exist.")


def test_sigterm_reaches_the_script(lay_out, environment, starting):
    script = """
import os, signal, sys, time
def stop(*_):
    open(os.path.join(os.environ["SM_MODEL_DIR"], "saved"), "w").write("so far")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""
    opt_ml = lay_out({"train.py": script}, {})
    process = starting(opt_ml, environment)
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=240)
    assert process.returncode == 0
    assert (opt_ml.model / "saved").read_text() == "so far"
