"""Peak memory of a full training step of ResNet-18, ours and PyTorch's.

    $(tests/peers/venv.sh) tests/peers/memory.py [--batch 32] [--runs 3]

Each side is a process of its own that makes the network and the optimizer (SGD with momentum), runs
steps on one batch of 224 x 224 pictures, and says by how much its resident memory rose above what it
had with network, optimizer state and batch made: VmHWM - VmRSS of /proc/self/status. PyTorch takes its
first step for the momentum buffers before the measure starts, on a batch of one picture. Passes if
ours is at most 600 MB (at batch 32) and below PyTorch's.
"""

import argparse
import json
import subprocess
import sys

from common import Verdict, find_program

PYTORCH = r"""
import sys, torch, torchvision

batch, runs, channels_last = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "nhwc"
torch.manual_seed(0)
network = torchvision.models.resnet18().train()
x = torch.randn(batch, 3, 224, 224)
if channels_last:
    network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
labels = torch.zeros(batch, dtype=torch.long)
optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9)

def step(pictures, targets):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(network(pictures), targets).backward()
    optimizer.step()

def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) * 1024

step(x[:2], labels[:2])
optimizer.zero_grad()
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # VmHWM starts anew
for _ in range(runs):
    step(x, labels)
print(status("VmHWM") - before)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tlbench")
    o = parser.parse_args()
    verdict = Verdict()
    command = [find_program("tlbench", o.tlbench), "model", "resnet18", "--mode", "train", "--json"]
    done = subprocess.run(command + ["--batch", str(o.batch), "--runs", str(o.runs)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    ours = json.loads(done.stdout)["peak_process_bytes"] / 1e6
    peers = {}
    for layout in ("nchw", "nhwc"):
        arguments = [sys.executable, "-c", PYTORCH, str(o.batch), str(o.runs), layout]
        peers[layout] = int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout) / 1e6
    text = ", ".join(f"PyTorch {layout} {mb:.0f} MB" for layout, mb in peers.items())
    verdict.check(ours <= 600 * o.batch / 32 and ours < min(peers.values()), f"ours {ours:.0f} MB, {text}")
    verdict.exit()


if __name__ == "__main__":
    main()
