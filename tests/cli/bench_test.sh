#!/usr/bin/env bash
# Runs tlbench run and peak as their users would.
#   bench_test.sh TLBENCH
set -u
tlbench=$1
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"
small=(--problem 'gemm m=64 n=48 k=32' --seconds 0)

# A file of shapes, good and bad: file, line and cause.
printf 'gemm m=64 n=48 k=32\n# more\nconv2d n=1 h=8 w=8 c_in=8 c_out=8 k=3 pad=1\n' >good.txt
expect 0 "*packed" "$tlbench" run gemm --shapes good.txt --seconds 0
expect 0 "conv2d.backward_weight" "$tlbench" run conv2d --shapes good.txt --seconds 0
printf 'gemm m=64 n=48 k=32\n\nconv2d n=1 hh=8\n' >bad.txt
expect 1 "tlbench: bad.txt:3: conv2d needs h, e.g. h=64" "$tlbench" run gemm --shapes bad.txt
expect 1 "no_file.txt: no such file, and no network; there are resnet18" \
  "$tlbench" run gemm --shapes no_file.txt
expect 1 "tlbench: nothing to measure: no problem of good.txt is one of softmax" \
  "$tlbench" run softmax --shapes good.txt --seconds 0

# Unknown names.
expect 2 "matmul: no such kernel; there are all, gemm, conv2d" "$tlbench" run matmul "${small[@]}"
expect 1 "--variant fastest: gemm has no such variant; there are all, chosen, packed" \
  "$tlbench" run gemm "${small[@]}" --variant fastest
expect 2 "--dtype" "$tlbench" run gemm "${small[@]}" --dtype f16
expect 2 "--shaeps: no such option; did you mean --shapes?" "$tlbench" run gemm --shaeps x
for command in run peak; do
  expect 0 "Usage: tlbench $command" "$tlbench" $command --help
  [ "$(wc -L <out.txt)" -le 100 ] || fail "tlbench $command --help is wider than 100 columns"
done

# One call of one variant, and nothing else.
expect 0 "once: gemm packed [64, 32] x [32, 48] f32" \
  "$tlbench" run gemm "${small[@]}" --variant packed --once
[ "$(wc -l <out.txt)" -eq 1 ] || fail "--once printed more than one line"

# JSON, a line each. Every yardstick that was built is compared with, and says its version.
yardsticks=$(cd "$(dirname "$tlbench")" && ls libtlbench_*.so 2>/dev/null | sed 's/libtlbench_\(.*\).so/\1/' | tr '\n' ' ')
expect 0 "" "$tlbench" run gemm "${small[@]}" --json --threads 1
cp out.txt rows.jsonl
expect 0 "rows are as they should be" python3 - $yardsticks <<'PYTHON'
import json, sys
rows = [json.loads(line) for line in open("rows.jsonl")]
built = set(sys.argv[1:])
assert rows[0]["kernel"] == "memory.copy" and rows[0]["gbytes"] > 0, rows[0]
chosen = [r for r in rows if r["chosen"]]
assert [r["variant"] for r in chosen] == ["packed"], rows
assert 0 < chosen[0]["error"] < 1e-5 and chosen[0]["of_roofline"] > 0, chosen
assert chosen[0]["threads"] == 1 and chosen[0]["gflops"] > 0, chosen
assert set(chosen[0].get("speed_over", {})) == built, (chosen, built)
assert {r["variant"] for r in rows if "library" in r} >= built, rows
assert all(r["library"][0].isdigit() for r in rows if "library" in r), rows
print("rows are as they should be")
PYTHON
expect 0 "" "$tlbench" run gemm "${small[@]}" --json --no-yardsticks
! grep -q speed_over out.txt || fail "--no-yardsticks compares with a yardstick"
for name in $yardsticks; do
  expect 0 "$name" "$tlbench" run gemm "${small[@]}" --variant "$name"
done
expect 0 "" "$tlbench" peak --threads 1 --json
cp out.txt peak.json
expect 0 "both roofs" python3 - <<'PYTHON'
import json
peak = json.load(open("peak.json"))
assert [p["threads"] for p in peak["multiply_add"]] == [1] and peak["multiply_add"][0]["gflops"] > 0
read = {b["level"]: b["read_gbytes"] for b in peak["bandwidth"]}
assert {"L1", "DRAM"} <= set(read) and min(read.values()) > 0, read
print("both roofs")
PYTHON
expect 0 "multiply-add in f32" "$tlbench" peak --threads 1

finish cli_bench
