"""Writes numbers.h: learning rates from PyTorch, metrics from scikit-learn, for tests/nn.

    $(tests/peers/venv.sh) tests/golden/make_numbers.py [file]

The inputs of the metrics are in the file too: they are drawn here once, and scores are multiples of
1/16, which float32 holds and which repeat, so that there are ties.
"""

import pathlib
import sys
import warnings

import numpy as np
import sklearn
import torch
from sklearn import metrics
from torch.optim import SGD, lr_scheduler

STEPS = 24
LINE = 100


def rates(make):
    """The learning rate in each of STEPS steps; make: optimizer -> scheduler."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], 0.3)
    scheduler, out = make(optimizer), []
    for _ in range(STEPS):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def warmed_up(steps, first, make):
    def scheduler(optimizer):
        warm_up = lr_scheduler.LinearLR(optimizer, first, total_iters=steps)
        return lr_scheduler.SequentialLR(optimizer, [warm_up, make(optimizer)], [steps])
    return scheduler


def schedules():
    return {
        "step": rates(lambda o: lr_scheduler.StepLR(o, 7, 0.5)),
        "cosine": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS - 1, 0.02)),
        "constant_after_warm_up": rates(
            lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=5)),
        "step_after_warm_up": rates(warmed_up(4, 0.25, lambda o: lr_scheduler.StepLR(o, 6, 0.1))),
        "cosine_after_warm_up": rates(
            warmed_up(3, 0.01, lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS - 4, 0))),
    }


def array(kind, name, values):
    """A C++ array, in lines of at most LINE characters."""
    lines, line = [], "   "
    for value in np.asarray(values).ravel().tolist():
        text = f" {value!r}f," if kind == "float" else f" {value!r},"
        if len(line) + len(text) > LINE:
            lines.append(line)
            line = "   "
        line += text
    return f"inline constexpr {kind} {name}[] = {{\n" + "\n".join(lines + [line]) + "\n};\n"


def case(name, seed, rows, classes, absent=()):
    """One classifier's labels and scores, and what scikit-learn says of them."""
    random = np.random.default_rng(seed)
    truth = random.choice([c for c in range(classes) if c not in absent], rows)
    scores = random.integers(0, 24, (rows, classes)) / 16
    scores[np.arange(rows), truth] += random.integers(0, 24, rows) / 16
    predicted = scores.argmax(1)
    every = list(range(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=every, zero_division=0)
    if classes == 2:
        area = metrics.roc_auc_score(truth, scores[:, 1])
    else:  # for the classes that occur: scikit-learn's "ovr" wants all of them and probabilities
        area = np.mean([metrics.roc_auc_score(truth == c, scores[:, c]) for c in sorted(set(truth))])
    distinct = scores + np.linspace(0, 1e-3, classes)[::-1]  # ties go to the first column
    top2 = metrics.top_k_accuracy_score(truth, distinct, k=2, labels=every) if classes > 2 else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of predicted classes that do not occur
        balanced = metrics.balanced_accuracy_score(truth, predicted)
    numbers = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": balanced,
        "macro_f1": metrics.f1_score(truth, predicted, average="macro", zero_division=0),
        "roc_auc": area,
        "top2": top2,
    }
    out = [f"namespace {name} {{\n", f"inline constexpr int classes = {classes};\n",
           array("std::int32_t", "truth", truth), array("float", "scores", scores),
           array("int", "confusion", metrics.confusion_matrix(truth, predicted, labels=every)),
           array("double", "precision", precision), array("double", "recall", recall),
           array("double", "f1", f1), array("int", "support", support)]
    out += [f"inline constexpr double {k} = {float(v)!r};\n" for k, v in numbers.items()]
    return "".join(out) + f"}}  // namespace {name}\n"


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                        pathlib.Path(__file__).parent / "numbers.h")
    warnings.simplefilter("ignore", UserWarning)  # SequentialLR's use of its own parts
    parts = [
        f"// Learning rates from PyTorch {torch.__version__.split('+')[0]}, metrics from scikit-learn "
        f"{sklearn.__version__}.\n// Written by make_numbers.py.\n#pragma once\n\n#include <cstdint>\n\n"
        "// clang-format off\nnamespace tl::test::numbers {\n"]
    parts += [array("double", name, values) for name, values in schedules().items()]
    parts += [
        case("binary", 1, 40, 2),
        case("several", 2, 60, 5),
        case("absent", 3, 30, 5, absent=(1, 3)),  # predicted at times, never true
    ]
    path.write_text("\n".join(parts) + "\n}  // namespace tl::test::numbers\n// clang-format on\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
