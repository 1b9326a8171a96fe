"""Tables of bench.py's results: between markers in README.md (speed, memory, fine-tune; speed-avx512
and speed-avx2 of --simd), and every setting of every peer in tests/peers/README.md (settings).

A median stands with its smallest and largest round. Parts that were not measured are left out. Where
parts were measured at different commits, or on different machines, each row names its own.
"""

import statistics

from common import REPOSITORY

README, PEERS = REPOSITORY / "README.md", REPOSITORY / "tests/peers/README.md"
MARKERS = {"speed": README, "speed-avx512": README, "speed-avx2": README, "memory": README,
           "fine-tune": README, "settings": PEERS}
COMMAND = "$(tests/peers/venv.sh) tests/peers/bench.py --readme"
PEER_NAMES = ("PyTorch", "ONNX Runtime", "OpenVINO")


def results_file(simd=None):
    return REPOSITORY / "tests/peers" / (f"bench_{simd}.json" if simd else "bench.json")


def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def cell(values):
    if not values:
        return ""
    spread = f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else ""
    return number(statistics.median(values)) + spread


def gain(record, peer=None):
    """How many times as good ours is as that peer, or as the best of them."""
    medians = {who: statistics.median(values) for who, values in record["rounds"].items()}
    ours = medians.pop("tlrun")
    if not medians:  # all were refused
        return float("nan")
    if record["unit"] == "images/s":
        return ours / (medians[peer] if peer else max(medians.values()))
    return (medians[peer] if peer else min(medians.values())) / ours


def summary(name, record):
    """Lines for the terminal."""
    for library, settings in record["trials"].items():
        for setting, values in settings.items():
            yield f"tried {library}, {setting}: {cell(values)} {record['unit']}"
    for who, values in record["rounds"].items():
        chosen = f", {record['best'][who]}" if who in record["best"] else ""
        yield f"{who}{chosen}: {cell(values)} {record['unit']}"
    for who, why in record["refused"].items():
        yield f"REFUSED {who}: {why}"
    if name == "fine-tune":
        yield f"validation accuracy: {record['val_accuracy']}"
    yield f"tlrun {gain(record):.2f} times as good as the best peer"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def provenance(record):
    versions = {"PyTorch": "torch", "ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}
    libraries = ", ".join(f"{name} {record['versions'][versions[name]]}" for name in PEER_NAMES)
    simd = {"": "", "avx512": ", tlrun without the matrix unit",
            "avx2": ", all but ONNX Runtime held to AVX2"}[record["simd"]]
    return f"{record['cpu']}, {record['threads']} threads{simd}, {libraries}"


def caption(records):
    """(one line on all, what to append to each row's name)"""
    simd = next(iter(records.values()))["simd"]
    command = f"`{COMMAND}{f' --simd {simd}' if simd else ''}`"
    common, where = [], dict.fromkeys(records, "")
    for told in (provenance, lambda record: f"commit {record['commit']}"):
        texts = {name: told(record) for name, record in records.items()}
        if len(set(texts.values())) == 1:
            common.append(next(iter(texts.values())))
        else:
            where = {name: f"{where[name]} ({text})" for name, text in texts.items()}
    return f"{'; '.join(common)}. {command}" if common else command, where


def title(name):
    """resnet18-infer-32 -> ResNet-18 features, batch 32"""
    arch, mode, batch = name.split("-")
    what = "features" if mode == "infer" else "training step"
    return f"{arch.replace('resnet', 'ResNet-')} {what}, batch {batch}"


def speed(results):
    networks = {n: r for n, r in results.items() if r["unit"] == "images/s"}
    head, where = caption(networks)
    rows = [[title(n) + where[n], *(cell(r["rounds"].get(who)) for who in ("tlrun", *PEER_NAMES)),
             f"{gain(r):.2f}"] for n, r in networks.items()]
    return head + "\n\n" + table(["images/s", "tlrun", *PEER_NAMES, "tlrun / best of the others"], rows)


def memory(results):
    record = results["memory"]
    medians = {who: statistics.median(v) for who, v in record["rounds"].items()}
    return (f"A training step of ResNet-18 on 32 pictures adds {medians['tlrun']:.0f} MB to the process at "
            f"its peak, PyTorch's {medians['PyTorch']:.0f} ({record['best']['PyTorch']}); commit "
            f"{record['commit']}.")


def fine_tune(results):
    record = results["fine-tune"]
    names = {"tlrun": "`tlrun`", "PyTorch": "PyTorch, a script that keeps the features",
             "PyTorch, usual": "PyTorch, the usual script: forward in every epoch"}
    train, val = record["pictures"]
    rows = [[names[who], cell(values), "" if who == "tlrun" else f"{gain(record, who):.1f}"]
            for who, values in record["rounds"].items()]
    return (f"Head of ResNet-18, 10 epochs, {train} training and {val} validation photographs; commit "
            f"{record['commit']}.\n\n"
            + table(["process start to saved model", "seconds", "tlrun is faster by"], rows))


def settings(results):
    rows = []
    for name, record in results.items():
        for library, tried in record["trials"].items():
            for setting, values in tried.items():
                best = " **best**" if record["best"][library] == setting else ""
                rows.append([title(name) if "-infer-" in name or "-train-" in name else name, library,
                             setting + best, f"{cell(values)} {record['unit']}"])
    return table(["work", "library", "setting", "trial runs"], rows)


def check_markers():
    for name, path in MARKERS.items():
        text = path.read_text()
        for end in ("begin", "end"):
            if text.count(f"<!-- {name}:{end} -->") != 1:
                raise SystemExit(f"{path} needs one <!-- {name}:{end} -->")


def write_readmes(results, simd=None):
    has_speed = any(r["unit"] == "images/s" for r in results.values())
    if simd:
        tables = {f"speed-{simd}": (speed, has_speed)}
    else:
        tables = {"speed": (speed, has_speed), "memory": (memory, "memory" in results),
                  "fine-tune": (fine_tune, "fine-tune" in results), "settings": (settings, bool(results))}
    for name, (make, measured) in tables.items():
        if not measured:
            continue
        path = MARKERS[name]
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, rest = path.read_text().split(begin)
        path.write_text(f"{before}{begin}\n{make(results)}\n{end}{rest.split(end)[1]}")
