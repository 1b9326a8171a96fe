"""Times ResNet-18 features on the CPU: PyTorch in its best settings and ours, turn by turn.

    $(tests/peers/venv.sh) tests/peers/speed.py [--arch resnet18] [--batch 32] [--threads 2]

PyTorch runs the same work (224 x 224, batch norm by running statistics, no gradients) in float32 as

    eager             the model as it is, contiguous (NCHW)
    eager nhwc        the same, channels last
    folded nhwc       batch norm folded into the convolutions (torch.fx), channels last
    traced nhwc       torch.jit.trace + freeze + optimize_for_inference (oneDNN layouts), channels last

The runs alternate (ours, then each of PyTorch's, again and again), so that whatever else the machine
does falls on all of them. Printed: median images/s of each, its spread, and ours over the best of
PyTorch's. Every PyTorch setting is first checked to compute what plain eager computes. Nothing
fails here: a ratio is a report. `--torch-only` leaves our program out; `--readme` also writes the
result into the table of the repository's README.

Ours is `tlbench model ARCH --mode infer --batch N --threads T --json`, whose JSON holds
images_per_second.
"""

import argparse
import copy
import json
import platform
import statistics
import subprocess
import time
import warnings

import torch
import torch.fx.experimental.optimization
import torchvision

from common import REPOSITORY, distance, find_program


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--program", help="tlbench (default: the newest build/*/**/tlbench)")
    p.add_argument("--arch", default="resnet18")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--seconds", type=float, default=2.0, help="of one PyTorch measurement")
    p.add_argument("--torch-only", action="store_true")
    p.add_argument("--readme", action="store_true", help="write the table of README.md")
    return p.parse_args()


def torch_settings(arch, images):
    """{name: function without arguments} of PyTorch's ways to run the network."""
    torch.manual_seed(0)
    model = getattr(torchvision.models, arch)().eval()
    model.fc = torch.nn.Identity()
    nhwc = images.to(memory_format=torch.channels_last)
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    folded = torch.fx.experimental.optimization.fuse(model).to(memory_format=torch.channels_last)
    traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(last, nhwc)))
    return {
        "eager": lambda: model(images),
        "eager nhwc": lambda: last(nhwc),
        "folded nhwc": lambda: folded(nhwc),
        "traced nhwc": lambda: traced(nhwc),
    }


def torch_speed(run, batch, seconds):
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or done == 0:
        run()
        done += 1
    return done * batch / elapsed


def our_speed(program, args):
    command = [program, "model", args.arch, "--mode", "infer", "--batch", str(args.batch),
               "--threads", str(args.threads), "--json"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(text)["images_per_second"])


def cpu_name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def write_readme(title, speeds):
    """Replaces what stands between the markers of README.md by a table."""
    commit = subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "--short", "HEAD"], check=True,
                            capture_output=True, text=True).stdout.strip()
    best = max(statistics.median(s) for name, s in speeds.items() if name != "ours")
    rows = [f"{title}; commit {commit}.", "",
            "| program | images/s | against the best of PyTorch |", "|---|---|---|"]
    for name, s in speeds.items():
        median = statistics.median(s)
        label = "`tlbench model`" if name == "ours" else f"PyTorch, {name}"
        rows.append(f"| {label} | {median:.1f} ({min(s):.1f} to {max(s):.1f}) | {median / best:.2f} |")
    path = REPOSITORY / "README.md"
    before, rest = path.read_text().split("<!-- speed:begin -->")
    after = rest.split("<!-- speed:end -->")[1]
    table = "\n".join(rows)
    path.write_text(f"{before}<!-- speed:begin -->\n{table}\n<!-- speed:end -->{after}")


@torch.inference_mode()
def main():
    args = arguments()
    program = None if args.torch_only else find_program("tlbench", args.program)
    warnings.filterwarnings("ignore", category=FutureWarning)  # torch.jit still works
    torch.set_num_threads(args.threads)
    images = torch.randn(args.batch, 3, 224, 224)
    settings = torch_settings(args.arch, images)
    expected = settings["eager"]()
    for name, run in settings.items():
        run()  # the second call of a traced model still compiles
        assert distance(run(), expected) <= 1e-4, name

    runs = {name: (lambda run=run: torch_speed(run, args.batch, args.seconds))
            for name, run in settings.items()}
    if program:
        runs = {"ours": lambda: our_speed(program, args)} | runs
    speeds = {name: [] for name in runs}
    for _ in range(args.rounds):
        for name, run in runs.items():
            speeds[name].append(run())

    title = (f"{args.arch}, batch {args.batch}, 224 x 224, {args.threads} threads, {cpu_name()}, "
             f"PyTorch {torch.__version__}, {args.rounds} rounds")
    print(f"{title}, images/s:")
    for name, s in speeds.items():
        print(f"  {name:12} median {statistics.median(s):7.1f}   ({min(s):.1f} to {max(s):.1f})")
    medians = {name: statistics.median(s) for name, s in speeds.items()}
    ours = medians.pop("ours", None)
    best = max(medians, key=medians.get)
    if ours is not None:
        print(f"  ours / PyTorch's best ({best}): {ours / medians[best]:.2f}")
        if args.readme:
            write_readme(title, speeds)


if __name__ == "__main__":
    main()
