#!/usr/bin/env bash
# tests/gpu_check.sh as far as a machine without a GPU can run it: wrong usage, no GPU, and the
# rehearsal on simt, whose files are looked at.
#   gpu_check_test.sh BUILD_FOLDER SOURCE_FOLDER
build=$1 source=$2
# shellcheck source=tests/cli/expect.sh
source "$source/tests/cli/expect.sh"
check="$source/tests/gpu_check.sh"

expect 2 "gpu_check: unknown option '--devices'" "$check" --devices
expect 2 "gpu_check: --device cpu: needs cuda or simt" "$check" --device cpu
if ! command -v nvidia-smi >/dev/null; then
  expect 3 "gpu_check: no GPU found" "$check"
  [ "$(wc -l <out.txt)" -eq 1 ] || fail "more than one line without a GPU"
fi

expect 0 "result: $PWD/found/result.json" "$check" --device simt --build "$build" --out found
expect 0 "tests and kernels agree" python3 - found/result.json <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["device"] == "simt" and [p["part"] for p in r["parts"]] == [
    "tests", "sanitizer", "kernels", "networks", "pytorch"], r["parts"]
assert all(p["passed"] for p in r["parts"]), r["parts"]
assert {t["test"] for t in r["tests"]} == {"kernels/gemm_test", "kernels/global_average_pool_test"}
assert all(t["passed"] for t in r["tests"])
kernels = {k["kernel"] for k in r["kernels"]}
assert {"memory.copy", "gemm", "conv2d.forward", "batch_norm.train"} <= kernels, kernels
assert all(k["seconds"] > 0 and k["gbytes"] > 0 for k in r["kernels"])
assert all(k["gflops"] > 0 for k in r["kernels"] if k["kernel"] == "gemm")
assert [n["amp"] for n in r["networks"]] == ["off", "bf16"], r["networks"]
assert all(n["images_per_second"] > 0 for n in r["networks"])
print("tests and kernels agree")
EOF
# gemm's tests ran and passed; those of conv2d did not run, so none of its variants is verified.
expect 0 "gemm register_tiles simt" grep -E '^gemm ' found/verified.txt
! grep -q '^conv2d' found/verified.txt || fail "a variant without tests is called verified"

# A failing test is in the report, and its variants are not verified.
mkdir -p broken/tests broken/apps
printf '#!/bin/sh\nexit 1\n' >broken/tests/kernels_tests
chmod +x broken/tests/kernels_tests
ln -s "$build/apps/tlbench" broken/apps/tlbench
expect 1 "result:" "$check" --device simt --build "$PWD/broken" --out found2 --parts "tests kernels"
! grep -q '^gemm ' found2/verified.txt || fail "a variant whose tests failed is called verified"
expect 0 '"passed": false' cat found2/result.json

# Tables: with and without results.
expect 0 "not yet measured" python3 "$source/tests/gpu_report.py" readme --print none.json
expect 0 "global_average_pool.forward" python3 "$source/tests/gpu_report.py" readme --print \
  found/result.json

finish gpu_check
