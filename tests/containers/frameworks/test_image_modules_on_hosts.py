"""A published script of several hosts with the modules that Amazon's images hold, unchanged."""

from __future__ import annotations

import json

import pytest

from wildsage.algorithms.base.ports import free_port

TRAIN_TOGETHER = """
import json, os
import xgboost
import sagemaker_containers
from sagemaker_containers import entry_point
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

def train(rows, is_master):
    booster = xgboost.train({"max_depth": 2}, rows, 3)
    seen = {"master": is_master, "rows": rows.num_row(), "hosts": env.hosts, "ranks": xgboost.collective.get_world_size()}
    json.dump(seen, open(os.path.join(env.model_dir, "seen.json"), "w"))

env = sagemaker_containers.training_env()
rows = get_dmatrix(env.channel_input_dirs["training"], "csv")
distributed.rabit_run(train, {"rows": rows}, rows is not None, env.hosts, env.current_host, update_rabit_args=True)
"""


@pytest.mark.parametrize("rows", [(3, 5), (3, 0)], ids=["both hosts", "one host without rows"])
def test_hosts_train_one_model_together(lay_out, environment, starting, rows):
    pytest.importorskip("xgboost")
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    hosts = [lay_out({"train.py": TRAIN_TOGETHER}, {}, host=f"algo-{number}", hosts=2) for number in (1, 2)]
    for host, count in zip(hosts, rows, strict=True):
        if count:
            (host.channel("training") / "rows.csv").write_text("".join(f"{row},{row},1\n" for row in range(count)))
    for process in [starting(host, {**environment, **meeting}) for host in hosts]:
        log = process.communicate(timeout=240)[0]
        assert process.returncode == 0, log
    seen = [json.loads(file.read_text()) for host in hosts for file in host.model.glob("seen.json")]
    ranks = sum(count > 0 for count in rows)
    assert seen == [
        {"master": not number, "rows": count, "hosts": ["algo-1", "algo-2"], "ranks": ranks}
        for number, count in enumerate(rows)
        if count
    ]
