"""A PyTorch script on two hosts that learns digits together, as AWS's notebook has it; real digits, no Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

SCRIPT = """
import argparse, json, os, socket
import numpy as np
import torch, torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

def Net():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))

def train(args):
    size, rank = len(args.hosts), args.hosts.index(args.current_host)
    os.environ["WORLD_SIZE"], os.environ["RANK"] = str(size), str(rank)
    assert all(socket.gethostbyname(host) for host in args.hosts), "other notebooks meet at args.hosts[0]"
    dist.init_process_group(backend=args.backend, rank=rank, world_size=size)
    print(f"Initialized: '{args.backend}' on {dist.get_world_size()} nodes. Host {args.current_host}, {args.num_gpus} GPUs", flush=True)
    torch.manual_seed(1)
    found = np.load(os.path.join(args.data_dir, "digits.npz"))
    rows = TensorDataset(torch.tensor(found["x"]), torch.tensor(found["y"]))
    loader = DataLoader(rows, batch_size=args.batch_size, sampler=DistributedSampler(rows))
    model = nn.parallel.DistributedDataParallel(Net())
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss={loss.item():.4f};", flush=True)
    if rank == 0:
        torch.save(model.module.state_dict(), os.path.join(args.model_dir, "model.pth"))
    dist.barrier()
    dist.destroy_process_group()

def model_fn(model_dir):
    model = Net()
    model.load_state_dict(torch.load(os.path.join(model_dir, "model.pth"), weights_only=True))
    return model

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--backend", type=str)
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ["SM_HOSTS"]))
    parser.add_argument("--current-host", type=str, default=os.environ["SM_CURRENT_HOST"])
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--data-dir", type=str, default=os.environ["SM_CHANNEL_TRAINING"])
    parser.add_argument("--num-gpus", type=int, default=os.environ["SM_NUM_GPUS"])
    train(parser.parse_args())
"""

PROGRAM = """
import numpy as np, sagemaker
from sagemaker.pytorch import PyTorch
from sklearn.datasets import load_digits

digits = load_digits()
for name, part in (("digits.npz", slice(1600)), ("test.npz", slice(1600, None))):
    np.savez(name, x=digits.images[part, None].astype("float32") / 16, y=digits.target[part])
session = sagemaker.Session()
inputs = session.upload_data("digits.npz", key_prefix="digits")
estimator = PyTorch(
    entry_point="mnist.py", role=sagemaker.get_execution_role(), framework_version="2.5", py_version="py311", instance_count=2,
    instance_type="ml.c5.2xlarge", hyperparameters={"epochs": 4, "backend": "gloo", "batch-size": 32}, sagemaker_session=session,
    metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
)
estimator.fit({"training": inputs})
assert len(estimator.training_job_analytics.dataframe()) > 0
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.xlarge")
test = np.load("test.npz")
found = np.argmax(predictor.predict(test["x"]), axis=1)
predictor.delete_endpoint()
print()
print("accuracy", (found == test["y"]).mean())
"""


@pytest.mark.slow
def test_two_hosts_learn_digits_together(local: Any, tmp_path: Path) -> None:
    (tmp_path / "mnist.py").write_text(SCRIPT)
    done = local.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.count("Initialized: 'gloo' on 2 nodes.") == 2
    assert float(done.stdout.split()[-1]) > 0.8
