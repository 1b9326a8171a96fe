"""What the peer scripts share: HDF5 in and out, our programs, distances, verdicts.

Files hold one data set per tensor, named as torchvision names it, in PyTorch's axis order
(images NCHW, filters OIHW).
"""

import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def write_h5(path, tensors):
    """Writes {name: array or CPU tensor}, contiguous and uncompressed; '/' in a name makes groups."""
    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            file.create_dataset(name, data=np.ascontiguousarray(value))


def read_h5(path):
    """Reads every data set of a file as {name: array}, the names of groups joined by '/'."""
    tensors = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            tensors[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return tensors


def find_program(name, given=None):
    """The program given, else the newest build/<preset>/.../<name>; exits with 2 if there is none."""
    if given:
        return given
    built = [p for p in REPOSITORY.glob(f"build/*/**/{name}") if p.is_file() and os.access(p, os.X_OK)]
    if not built:
        print(f"no build/*/**/{name}: build the project first, or name the program", file=sys.stderr)
        sys.exit(2)
    return str(max(built, key=lambda p: p.stat().st_mtime))


def run_program(program, **options):
    """Runs `program --key value ...`, '_' in a key becoming '-'; its failure ends the script."""
    command = [program]
    for key, value in options.items():
        command += ["--" + key.replace("_", "-"), str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{' '.join(command)}\nexit {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
        sys.exit(1)
    return done.stdout


def norm(x):
    return float(np.linalg.norm(np.asarray(x, np.float64).ravel()))


def distance(a, b):
    """||a - b|| / ||b|| in float64. NaN if anything is NaN: write `not (distance <= bound)`."""
    if np.shape(a) != np.shape(b):
        raise ValueError(f"shape {np.shape(a)}, expected {np.shape(b)}")
    difference, size = norm(np.asarray(a, np.float64) - np.asarray(b, np.float64)), norm(b)
    return difference / size if size > 0 else (0.0 if difference == 0 else np.inf)


class Verdict:
    """Prints PASS or FAIL per check; `exit()` ends the script with 0 only if all passed."""

    def __init__(self):
        self.failed = 0
        self.checks = 0

    def check(self, passed, text):
        self.checks += 1
        self.failed += not passed
        print(f"{'PASS' if passed else 'FAIL'}  {text}", flush=True)

    def exit(self):
        print(f"{self.checks - self.failed} of {self.checks} checks passed")
        sys.exit(0 if self.checks and not self.failed else 1)
