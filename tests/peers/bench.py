"""Times tlrun beside PyTorch, ONNX Runtime and OpenVINO on this machine, in alternating runs.

    $(tests/peers/venv.sh) tests/peers/bench.py --data DIR [--readme]      everything, about 25 minutes
    $(tests/peers/venv.sh) tests/peers/bench.py --only 'resnet18-*'        some parts
    $(tests/peers/venv.sh) tests/peers/bench.py --no-run --readme          the tables once more

Parts: features and training steps of networks on random pictures in memory, the peak memory of a
step, and a fine-tune from process start to saved model on the pictures of DIR (train/CLASS/ and
val/CLASS/). Every setting of a peer is first checked to compute the same as plain PyTorch; then all
are tried, and the best of each library alternates with ours for as many rounds as the part has
(bench_measure.py). What counts is the ratio of medians. Everything is float32.

The JSON file (--out) holds a record per part, written as soon as the part is done: when, commit,
machine, versions, every run, and `others`: how busy the processors were with anything else, which
ought to be nothing. A part that is measured again replaces its record. --readme writes the tables of
README.md and of tests/peers/README.md from the file (bench_tables.py).

--simd avx512 keeps tlrun from the matrix unit (AMX), which none of the others uses for float32: what
to expect of a processor without it. --simd avx2 holds everyone to AVX2 except ONNX Runtime, which
cannot be told. Their results have files and tables of their own.

Exit code: 0, 1 if a setting could not be run or computed something else, 2 if a program is missing.
"""

import argparse
import datetime
import fnmatch
import importlib.metadata
import json
import os
import pathlib
import platform
import resource
import subprocess
import sys
import tempfile
import time

import bench_measure
import bench_tables
from common import REPOSITORY, find_program

LIBRARIES = ("torch", "torchvision", "onnx", "onnxruntime", "openvino")
SIMD = {"avx512": {"TL_SIMD": "avx512"},
        "avx2": {"TL_SIMD": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}
TOO_BUSY = 0.02  # share of the processors that others may take before the times are in doubt


class Network:
    """A network part: so many runs in a measurement, so many rounds of the best settings."""

    def __init__(self, arch, mode, batch, runs, rounds, seconds):
        self.arch, self.mode, self.batch = arch, mode, batch
        self.runs, self.rounds, self.seconds = runs, rounds, seconds

    def measure(self, bench):
        return bench_measure.network(bench, self)


class Memory:
    arch, batch, rounds, seconds = "resnet18", 32, 3, 40

    def measure(self, bench):
        return bench_measure.memory(bench, self)


class FineTune:
    arch, rounds, seconds = "resnet18", 3, 150

    def measure(self, bench):
        return bench_measure.fine_tune(bench, self)


PARTS = {  # seconds: what a part takes on two cores of 2025, until the file knows better
    "resnet18-infer-32": Network("resnet18", "infer", 32, runs=5, rounds=7, seconds=90),
    "resnet18-infer-1": Network("resnet18", "infer", 1, runs=50, rounds=9, seconds=50),
    "resnet50-infer-32": Network("resnet50", "infer", 32, runs=3, rounds=5, seconds=110),
    "resnet50-infer-1": Network("resnet50", "infer", 1, runs=25, rounds=9, seconds=60),
    "resnet18-train-32": Network("resnet18", "train", 32, runs=3, rounds=5, seconds=60),
    "resnet50-train-32": Network("resnet50", "train", 32, runs=2, rounds=3, seconds=90),
    "memory": Memory(),
    "fine-tune": FineTune(),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--only", nargs="+", default=["*"], metavar="PART",
                   help=f"of {', '.join(PARTS)}; * and ? match")
    p.add_argument("--data", type=pathlib.Path, help="pictures of the fine-tune; else left out")
    p.add_argument("--weights", type=pathlib.Path, help=".pth for the fine-tune [random]")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, help="fewer or more than each part's own")
    p.add_argument("--compile", action="store_true", help="torch.compile for training as well")
    p.add_argument("--simd", choices=list(SIMD), help="of no better instruction set than this one")
    p.add_argument("--out", type=pathlib.Path, help="[bench.json beside this script, bench_SIMD.json]")
    p.add_argument("--readme", action="store_true", help="then write the tables")
    p.add_argument("--no-run", action="store_true", help="measure nothing")
    p.add_argument("--tlbench", help="default: the newest build/*/**/tlbench")
    p.add_argument("--tlrun", help="default: the newest build/*/**/tlrun")
    return p.parse_args()


def chosen_parts(args):
    names = [n for n in PARTS if any(fnmatch.fnmatchcase(n, p) for p in args.only)]
    if not names:
        sys.exit(f"no part is named {' or '.join(args.only)}; there are {', '.join(PARTS)}")
    if args.data is None and "fine-tune" in names:
        print("fine-tune is left out: it needs --data")
        names.remove("fine-tune")
    return names


def cpu_name():
    """With family and model: a virtual machine's processor may be called by its maker alone."""
    with open("/proc/cpuinfo") as file:
        first = dict([part.strip() for part in line.split(":", 1)]
                     for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    if "model name" not in first:
        return platform.processor()
    return f"{first['model name']} (family {first.get('cpu family', '?')}, model {first.get('model', '?')})"


def commit():
    """With "+" when files were changed."""
    def git(*command):
        done = subprocess.run(["git", "-C", str(REPOSITORY), *command], capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "-s", "-uno", "--", ".", ":!tests/peers/bench.json")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def busy_seconds():
    """(of the whole machine, of this process and its children that have ended)"""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, *_ = map(int, file.readline().split()[1:])
    machine = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return machine, sum(u.ru_utime + u.ru_stime for u in usage)


def measured(part, bench, source):
    """The record of a part; `source` is the commit."""
    start, (machine, own) = time.perf_counter(), busy_seconds()
    record = {"commit": source, "date": datetime.datetime.now().isoformat(" ", "minutes"),
              "cpu": cpu_name(), "cpus": os.cpu_count(), "kernel": platform.release(),
              "threads": bench.threads, "simd": bench.args.simd or "",
              "versions": {name: importlib.metadata.version(name) for name in LIBRARIES}}
    record |= part.measure(bench)
    record["seconds"] = seconds = time.perf_counter() - start
    machine_end, own_end = busy_seconds()
    others = (machine_end - machine) - (own_end - own)
    record["others"] = round(max(others, 0) / (seconds * os.cpu_count()), 4)
    return record


def save(results, path):
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(results, indent=1) + "\n")
    new.rename(path)


def run(args, names, results):
    """Measures, saves after each part; True if nothing was refused."""
    seconds = {n: results.get(n, {}).get("seconds", PARTS[n].seconds) for n in names}
    print(f"about {sum(seconds.values()) / 60:.0f} minutes: "
          + ", ".join(f"{n} {s:.0f} s" for n, s in seconds.items()), flush=True)
    good, source = True, commit()
    for name in names:
        print(f"{name}:", flush=True)
        try:
            with tempfile.TemporaryDirectory() as folder:
                bench = bench_measure.Bench(args, pathlib.Path(folder))
                results[name] = record = measured(PARTS[name], bench, source)
        except bench_measure.Refused as error:
            print(f"  FAILED {error}", flush=True)
            good = False
            continue
        save(results, args.out)
        good = good and not record["refused"]
        for line in bench_tables.summary(name, record):
            print(f"  {line}")
        print(f"  {record['seconds']:.0f} s" + (
            f"; DOUBTFUL: other programs took {100 * record['others']:.0f}% of the processors"
            if record["others"] > TOO_BUSY else ""), flush=True)
    return good


def main():
    args = arguments()
    args.tlbench = args.tlbench if args.no_run else find_program("tlbench", args.tlbench)
    args.tlrun = args.tlrun if args.no_run or not args.data else find_program("tlrun", args.tlrun)
    args.out = args.out or bench_tables.results_file(args.simd)
    os.environ.update(SIMD[args.simd] if args.simd else {})
    results = json.loads(args.out.read_text()) if args.out.exists() else {}
    if args.readme:
        bench_tables.check_markers()  # before minutes are spent
    good = args.no_run or run(args, chosen_parts(args), results)
    if args.readme:
        bench_tables.write_readmes(results, args.simd)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
