#!/usr/bin/env bash
# Runs a command of nvcc with -Xptxas=-v. What ptxas says (registers, shared memory, spills of each
# kernel) goes to OBJECT.ptxas, all else to stderr. Fails when a kernel spills that may_spill.txt,
# beside this script, does not list.
#   ptxas_report.sh NVCC ARGUMENTS...      CMake puts it before every compile of a .cu file
set -uo pipefail

object=""
for ((i = 1; i < $#; ++i)); do
  [ "${!i}" = -o ] && object=${*:i+1:1}
done
output=$("$@" 2>&1 >/dev/null)
status=$?
[ -n "$object" ] || { printf '%s\n' "$output" >&2; exit $status; }

# Lines of ptxas, and the indented ones that go on with them.
report='^(ptxas info|[[:space:]]+[0-9]+ bytes stack frame)'
grep -Ev "$report" <<<"$output" | grep -v '^$' >&2
[ $status -eq 0 ] || exit $status
grep -E "$report" <<<"$output" >"$object.ptxas"

allowed="$(dirname "${BASH_SOURCE[0]}")/may_spill.txt"
awk -v object="$object" '
  FNR == NR { if ($0 !~ /^(#|$)/) allowed[$1] = 1; next }
  /Compiling entry function/ { split($0, part, "\047"); kernel = part[2]; target = part[4] }
  /spill stores/ && !/ 0 bytes spill stores, 0 bytes spill loads/ {
    for (name in allowed) if (index(kernel, name)) next
    sub(/^[[:space:]]+/, "")
    printf "%s: kernel %s for %s spills registers: %s\n", object, kernel, target, $0 > "/dev/stderr"
    failed = 1
  }
  END { exit failed }' "$allowed" "$object.ptxas" || { rm -f "$object"; exit 1; }
