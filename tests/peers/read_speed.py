"""How long files of weights take to read, and how much memory, beside a plain copy.

    $(tests/peers/venv.sh) tests/peers/read_speed.py [FILE...] [--rounds 15]

Without a FILE it writes the weights of a ResNet-50 (102 MB, random) in each format, contiguous and
not packed. Every reading is a process of its own (`read_speed`, built with the project), the file
lies in the page cache, and formats and plain copies take turns. A plain copy is open, fstat, malloc
of the file's size and read until the end. What counts:

    time     median of the readings / median of the copies, at most 1.3
    memory   the most memory that the processes had / bytes of the arrays, at most 1.2

Exit code: 0, 1 if a bound is passed, 2 if the program is missing.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from common import find_program, write_h5

TIME_BOUND, MEMORY_BOUND = 1.3, 1.2


def write_files(folder):
    import safetensors.torch
    import torch
    import torchvision

    torch.manual_seed(0)
    state = torchvision.models.resnet50().state_dict()
    safetensors.torch.save_file(state, folder / "resnet50.safetensors")
    torch.save(state, folder / "resnet50.pth")
    torch.save(state, folder / "resnet50_legacy.pth", _use_new_zipfile_serialization=False)
    write_h5(folder / "resnet50.h5", state)
    return sorted(folder.iterdir())


def read(program, what, file):
    done = subprocess.run([program, what, file], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout)


def spread(values, unit=1.0):
    return f"{statistics.median(values) * unit:.1f} ({min(values) * unit:.1f} to {max(values) * unit:.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--read-speed", help="the program, if not the newest")
    args = parser.parse_args()
    program = find_program("read_speed", args.read_speed)
    with tempfile.TemporaryDirectory() as folder:
        files = args.files or write_files(pathlib.Path(folder))
        runs = {(file, what): [] for file in files for what in ("weights", "copy")}
        for round in range(args.rounds + 1):  # the first fills the page cache
            for file, what in runs:
                values = read(program, what, file)
                if round > 0:
                    runs[file, what].append(values)
    print("| file | ms | plain copy, ms | time, at most 1.3 | memory, at most 1.2 |")
    print("|---|---|---|---|---|")
    passed = True
    for file in files:
        ours, copy = ([run["seconds"] for run in runs[file, what]] for what in ("weights", "copy"))
        time = statistics.median(ours) / statistics.median(copy)
        memory = statistics.median(run["peak_bytes"] / run["bytes"] for run in runs[file, "weights"])
        passed = passed and time <= TIME_BOUND and memory <= MEMORY_BOUND
        print(f"| `{file.name}` | {spread(ours, 1e3)} | {spread(copy, 1e3)} | {time:.2f} | {memory:.2f} |")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
