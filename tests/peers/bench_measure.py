"""The measurements of bench.py. Each returns the same form of record:

    unit      "images/s", "MB" or "s"
    trials    {library: {setting: [values]}}, alternating, to find the best setting of each
    best      {library: setting}
    rounds    {"tlrun": [values], library: [values of its best setting]}, alternating
    refused   {"library, setting": why}: did not run, or computed something else

A value is one measurement: the rate at the median of some runs, or one whole process.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from common import REPOSITORY, distance

HERE = REPOSITORY / "tests" / "peers"
INFER = [("PyTorch", "contiguous"), ("PyTorch", "channels last"), ("PyTorch", "channels last, folded"),
         ("PyTorch", "channels last, traced"), ("PyTorch", "channels last, compiled"),
         ("ONNX Runtime", "spinning"), ("ONNX Runtime", "no spinning"), ("ONNX Runtime", "split batch"),
         ("OpenVINO", "latency"), ("OpenVINO", "throughput")]
TRAIN = [("PyTorch", "contiguous"), ("PyTorch", "channels last"), ("PyTorch", "channels last, compiled")]
SPLITS = ("split batch", "throughput")

# Features and loss differ by the order of float32 sums. Gradients differ also by the few ReLUs that
# these sums put on the other side of 0: PyTorch's two layouts by up to 5e-3. With bf16 inside,
# features are off by 3e-3, the loss by 3e-4 and the gradients by 7e-2.
BOUND, GRADIENT_BOUND = 1e-5, 2e-2

# glibc gives memory back after each step and takes it page by page again; kept, and in huge pages,
# a training step of PyTorch gains 10%. It costs the others nothing.
KEEP_MEMORY = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296:"
                                 "glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1"}


class Refused(Exception):
    """A program failed, in its own words."""


class Bench:
    """The options, and a folder that goes away."""

    def __init__(self, args, folder):
        self.args, self.folder, self.threads = args, folder, args.threads

    def rounds(self, part):
        return self.args.rounds or part.rounds

    def command(self, part, library, setting, mode):
        job = {"library": library, "setting": setting, "mode": mode, "arch": part.arch,
               "batch": part.batch, "threads": self.threads, "folder": str(self.folder)}
        return [sys.executable, str(HERE / "bench_worker.py"), json.dumps(job)]

    def tlbench(self, part, mode, runs):
        return json.loads(output([self.args.tlbench, "model", part.arch, "--mode", mode, "--json",
                                  "--batch", part.batch, "--threads", self.threads, "--runs", runs]))


def output(command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Refused(f"{command[0]}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Worker:
    """A process that holds one setting and waits; see bench_worker.py."""

    def __init__(self, bench, part, library, setting):
        self.stderr = open(bench.folder / f"{library}, {setting}.txt", "w+")
        self.process = subprocess.Popen(
            bench.command(part, library, setting, part.mode), env=os.environ | KEEP_MEMORY, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr)
        self.line("ready")

    def line(self, beginning):
        """The next line that begins so: libraries print too."""
        for line in self.process.stdout:
            if line.startswith(beginning):
                return line
        self.close()
        self.stderr.seek(0)
        raise Refused(self.stderr.read().strip()[-300:])

    def seconds(self, runs):
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        return json.loads(self.line("["))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def started(bench, part, refused):
    """{(library, setting): Worker} of all settings that compute what plain PyTorch computes."""
    output(bench.command(part, "reference", "", part.mode))
    expected = np.load(bench.folder / "expected.npy")
    workers = {}
    for library, setting in INFER if part.mode == "infer" else TRAIN:
        if setting in SPLITS and (part.batch % bench.threads or part.batch == 1 or bench.threads == 1):
            continue
        if part.mode == "train" and "compiled" in setting and not bench.args.compile:
            continue
        name = f"{library}, {setting}"
        try:
            worker = Worker(bench, part, library, setting)
        except Refused as error:
            refused[name] = str(error)
            continue
        if error := fault(part.mode, np.load(bench.folder / f"{name}.npy"), expected):
            worker.close()
            refused[name] = error
        else:
            workers[library, setting] = worker
    return workers


def fault(mode, found, expected):
    """What is wrong with the result of a setting, or nothing."""
    checks = [("features", found, expected, BOUND)]
    if mode == "train":
        checks = [("loss", found[:1], expected[:1], BOUND),
                  ("gradients", found[1:], expected[1:], GRADIENT_BOUND)]
    for what, a, b, bound in checks:
        off = distance(a, b)
        if not off <= bound:
            return f"{what} differ from plain PyTorch's by {off:.1e}, at most {bound:.0e}"
    return ""


def tried(settings, trials, values, better=max):
    """Alternates all settings; ({library: {setting: [values]}}, {library: the best setting})."""
    found = {}
    for _ in range(trials):
        for library, setting in settings:
            found.setdefault(library, {}).setdefault(setting, []).append(values(library, setting))
    best = {library: better(each, key=lambda s: statistics.median(each[s]))
            for library, each in found.items()}
    return found, best


def network(bench, part):
    """Features, or training steps, per second."""
    refused = {}
    workers = started(bench, part, refused)

    def theirs(library, setting):
        return part.batch / statistics.median(workers[library, setting].seconds(part.runs))

    def ours():
        return bench.tlbench(part, part.mode, part.runs)["images_per_second"]

    try:
        trials, best = tried(workers, 2, theirs)
        for library, setting in list(workers):
            if best[library] != setting:
                workers.pop((library, setting)).close()
        rounds = {"tlrun": []} | {library: [] for library in best}
        for _ in range(bench.rounds(part)):
            rounds["tlrun"].append(ours())
            for library, setting in best.items():
                rounds[library].append(theirs(library, setting))
    finally:
        for worker in workers.values():
            worker.close()
    return {"unit": "images/s", "trials": trials, "best": best, "rounds": rounds, "refused": refused}


def memory(bench, part):
    """What training steps add to a process that has network, optimizer state and batch, at the peak."""
    rounds = bench.rounds(part)
    settings = [("PyTorch", "contiguous"), ("PyTorch", "channels last")]
    trials, best = tried(settings, rounds, better=min, values=lambda library, setting: int(
        output(bench.command(part, library, setting, "memory"))) / 1e6)
    ours = [bench.tlbench(part, "train", 3)["peak_process_bytes"] / 1e6 for _ in range(rounds)]
    return {"unit": "MB", "trials": trials, "best": best, "refused": {},
            "rounds": {"tlrun": ours} | {library: trials[library][s] for library, s in best.items()}}


def fine_tune(bench, part):
    """Seconds of whole processes, from their start to their end, which leave a trained model."""
    weights = bench.args.weights or bench.folder / "weights.pth"
    if not bench.args.weights:
        output([sys.executable, HERE / "bench_worker.py", json.dumps(
            {"library": "weights", "mode": "train", "arch": part.arch, "folder": str(bench.folder)})])
    said, refused = {}, {}
    for file in bench.args.data.glob("*/*/*"):
        file.read_bytes()  # no disk in the times

    def theirs(library, setting):
        del library
        out = bench.folder / "theirs.pth"
        command = [sys.executable, HERE / "bench_finetune.py", "--data", bench.args.data, "--weights",
                   weights, "--arch", part.arch, "--threads", bench.threads, "--out", out]
        command += ["--workers", bench.threads] * ("decoding processes" in setting)
        command += ["--every-epoch"] * setting.startswith(EVERY_EPOCH)
        start = time.perf_counter()
        text = output(command, env=os.environ | KEEP_MEMORY)
        seconds = time.perf_counter() - start
        said[setting] = json.loads(text)
        out.unlink()
        return seconds

    def ours(cache):
        """With what is in the cache from before: nothing, if it is a new folder."""
        out = cache / f"run{len(list(cache.iterdir()))}"
        start = time.perf_counter()
        output([bench.args.tlrun, "--weights", weights, "--data", bench.args.data, "--threads",
                bench.threads, "--out", out],
               env=os.environ | {"HOME": str(cache), "TLRUN_CACHE": str(cache / "tlrun")})
        seconds = time.perf_counter() - start
        said["tlrun"] = run_report(out)
        return seconds

    processes = f"{bench.threads} decoding processes"
    trials, best = tried([("PyTorch", KEPT), ("PyTorch", f"{KEPT}, {processes}")], 1, theirs, min)
    rounds = {"tlrun": [], "PyTorch": []}
    for i in range(bench.rounds(part)):
        cache = bench.folder / f"cache{i}"
        cache.mkdir()
        rounds["tlrun"].append(ours(cache))
        rounds["PyTorch"].append(theirs("PyTorch", best["PyTorch"]))
    usual = best["PyTorch"].replace(KEPT, EVERY_EPOCH)
    rounds["PyTorch, usual"] = [theirs("PyTorch", usual)]
    best["PyTorch, usual"] = usual

    a, b = (said[best[who]] for who in ("PyTorch, usual", "PyTorch"))
    off = distance(a["head"], b["head"])
    if not off <= 1e-3:
        refused["PyTorch, usual"] = f"its head differs by {off:.1e}, at most 1e-3"
    for who, report in said.items():
        if report["pictures"] != b["pictures"]:
            refused[who] = f"{report['pictures']} pictures, PyTorch {b['pictures']}"
    accuracy = {who: max(report["val_accuracy"]) for who, report in said.items()}
    return {"unit": "s", "trials": trials, "best": best, "rounds": rounds, "refused": refused,
            "pictures": b["pictures"], "val_accuracy": accuracy}


KEPT, EVERY_EPOCH = "features kept", "forward in every epoch"


def run_report(folder):
    """What bench_finetune.py prints, from the folder of a run."""
    if not (folder / "best.h5").exists():
        raise Refused(f"{folder}: no best.h5")
    counts = json.loads((folder / "config.json").read_text())["pictures"]
    epochs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {"pictures": [sum(counts[split].values()) for split in ("train", "val")],
            "val_accuracy": [epoch["val_accuracy"] for epoch in epochs]}
