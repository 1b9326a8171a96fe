"""Collects what tests/gpu_check.sh found, and makes README tables of it.

    tests/gpu_report.py collect DIR --device cuda --card NAME     DIR/*.jsonl -> DIR/result.json, verified.txt
    tests/gpu_report.py readme [RESULT.json]                      the tables, into README.md

result.json is one object:

    card, device, commit     what was measured on; the commit, with "+" when files were changed
    parts       [{part, passed, seconds}]                     in the order they ran
    tests       [{test, passed, seconds}]                     one file of kernel tests, or a folder
    sanitizer   [{tool, test, passed, complete, seconds}]     complete: not cut off by its time
    kernels     [{kernel, variant, dtype, device, problem, seconds, gbytes, of_copy, gflops}]
                                                              as apps/bench/run.h says
    networks    [{arch, mode, device, batch, amp, variants, images_per_second, ...}]
                                                              tlbench model --json
    pytorch     [{arch, mode, precision, how, images_per_second}]                 peers/gpu_speed.py

A part that did not run is an empty list. verified.txt holds `slot variant card` for every variant
that was measured and whose contract's tests passed; copied over kernels/cuda/verified.txt it lets
the backend choose our own ones by default. Python's standard library only.
"""

import argparse
import json
import math
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
LISTS = ["parts", "tests", "sanitizer", "kernels", "networks", "pytorch"]
NOT_YET = "not yet measured"
BEGIN, END = "<!-- gpu:begin -->", "<!-- gpu:end -->"


def read_lines(path):
    """The objects of a file with one per line; a last line that was cut off is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            pass
    return rows


def commit():
    def git(*arguments):
        done = subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True)
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if git("status", "-s", "-uno") else "")


def verified(result):
    """Sorted (slot, variant) pairs that ran and whose contract's tests passed."""
    passed = {t["test"] for t in result["tests"] if t["passed"]}
    pairs = {(k["kernel"], k["variant"]) for k in result["kernels"] if k["variant"]}
    return sorted(p for p in pairs if f"kernels/{p[0].split('.')[0]}_test" in passed)


def collect(folder, device, card):
    result = {"card": card, "device": device, "commit": commit()}
    result |= {name: read_lines(folder / f"{name}.jsonl") for name in LISTS}
    text = json.dumps(result, indent=1)
    temporary = folder / "result.json.new"
    temporary.write_text(text + "\n")
    temporary.rename(folder / "result.json")
    head = [line for line in (REPOSITORY / "kernels/cuda/verified.txt").read_text().splitlines()
            if line.startswith("#")]
    lines = [f"{slot} {variant} {card.replace(' ', '_')}" for slot, variant in verified(result)]
    (folder / "verified.txt").write_text("\n".join(head + lines) + "\n")


def is_vendor(variant):
    return variant.startswith(("cublas", "cudnn"))


def is_tf32(variant):
    return variant.endswith("_tf32") or variant.startswith("tf32")


def kernel_ratios(kernels):
    """{(kernel, precision): [our best / the vendor's, one per problem]}; both at that precision."""
    speeds = {}
    for k in kernels:
        if k["gflops"] <= 0:
            continue
        # The vendor's TF32 is what ours at TF32 is compared with, and exact f32 with exact f32.
        precision = "TF32" if is_tf32(k["variant"]) else k["dtype"]
        side = speeds.setdefault((k["kernel"], precision, k["problem"]), {})
        who = "vendor" if is_vendor(k["variant"]) else "ours"
        side[who] = max(side.get(who, 0), k["gflops"])
    ratios = {}
    for (kernel, precision, _), side in speeds.items():
        if len(side) == 2:
            ratios.setdefault((kernel, precision), []).append(side["ours"] / side["vendor"])
    return ratios


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def precision_of(network):
    if network["amp"] != "off":
        return network["amp"]
    return "TF32" if any("tf32" in v for v in network["variants"]) else "f32"


def tables(result):
    """The text between README's markers; `result` None: nothing has been measured."""
    kernels = result["kernels"] if result else []
    ratios = kernel_ratios(kernels)
    rows = []
    for kernel in ["gemm", "conv2d.forward", "conv2d.backward_data", "conv2d.backward_weight"]:
        cells = []
        for precision in ["bf16", "TF32", "f32"]:
            values = ratios.get((kernel, precision))
            cells.append(f"{geometric_mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"
                         if values else NOT_YET)
        rows.append([f"`{kernel}`", *cells])
    parts = [table(["own kernel / cuBLAS or cuDNN", "bf16", "TF32", "f32"], rows)]

    bound = {}
    for k in kernels:
        if k["gflops"] == 0 and k["kernel"] != "memory.copy" and not is_vendor(k["variant"]):
            key = (k["kernel"], k["dtype"])
            bound[key] = max(bound.get(key, 0), k["of_copy"])
    names = sorted({name for name, _ in bound}) or ["memory-bound kernels"]
    rows = [[f"`{n}`" if bound else n,
             *(f"{bound[n, d]:.2f}" if (n, d) in bound else NOT_YET for d in ["f32", "bf16"])]
            for n in names]
    parts.append(table(["bandwidth / measured copy bandwidth", "f32", "bf16"], rows))

    rows = []
    for arch in ["resnet18", "resnet50"]:
        for mode, what in [("infer", "features"), ("train", "training step")]:
            for precision in ["f32", "TF32", "bf16"]:
                ours = [n["images_per_second"] for n in (result or {}).get("networks", [])
                        if (n["arch"], n["mode"], precision_of(n)) == (arch, mode, precision)]
                theirs = {p["how"]: p["images_per_second"] for p in (result or {}).get("pytorch", [])
                          if (p["arch"], p["mode"], p["precision"]) == (arch, mode, precision)}
                cell = lambda v: f"{v:.0f}" if v else NOT_YET
                rows.append([f"{arch} {what}, {precision}", cell(max(ours, default=None)),
                             cell(theirs.get("eager")), cell(theirs.get("compile"))])
    parts.append(table(["batch 256, 224 x 224, images/s", "tlrun", "PyTorch eager",
                        "`torch.compile`"], rows))
    title = (f"{result['card']}, commit {result['commit']}." if result
             else "`tests/gpu_check.sh` on a machine with a GPU fills these in.")
    return title + "\n\n" + "\n\n".join(parts)


def write_readme(result):
    path = REPOSITORY / "README.md"
    text = path.read_text()
    if BEGIN not in text:
        raise SystemExit(f"gpu_report: README.md has no {BEGIN}")
    before, rest = text.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{tables(result)}\n{END}{rest.split(END)[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("collect")
    one.add_argument("folder", type=pathlib.Path)
    one.add_argument("--device", required=True)
    one.add_argument("--card", required=True)
    two = commands.add_parser("readme")
    two.add_argument("result", type=pathlib.Path, nargs="?", default=REPOSITORY / "tests/gpu_result.json")
    two.add_argument("--print", action="store_true", help="to the terminal instead")
    args = parser.parse_args()
    if args.command == "collect":
        collect(args.folder, args.device, args.card)
        return
    result = json.loads(args.result.read_text()) if args.result.exists() else None
    if args.print:
        print(tables(result))
    else:
        write_readme(result)


if __name__ == "__main__":
    main()
