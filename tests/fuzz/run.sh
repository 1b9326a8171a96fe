#!/usr/bin/env bash
# Feeds made-up files to what reads files, with AddressSanitizer and UndefinedBehaviorSanitizer:
#
#     tests/fuzz/run.sh [SECONDS [TARGET]...]      60 seconds each; targets: the *_fuzz.cpp here
#
# Two run at a time. A run begins with the small files of tests/golden/weights or of seeds/TARGET, and
# what earlier runs found worth keeping (build/fuzz/corpus/TARGET). An input that crashes a target,
# takes over 64 MiB at once or over 10 seconds, ends its run; the script then ends with status 1,
# names the input, build/fuzz/TARGET-crash-..., and it becomes a test. JOBS=1 runs one at a time.
# What follows on reading (layers, kernels) is taken from build/release, which is built first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-60}
targets=("${@:2}")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "$source" _fuzz.cpp)"); done
fi
clang=${CLANG:-clang++}
if ! command -v "$clang" >/dev/null; then
  echo "tests/fuzz/run.sh needs clang with libFuzzer (Debian: clang libclang-rt-dev); CLANG names another" >&2
  exit 2
fi
release=build/release
out=build/fuzz
[ -e "$release/build.ninja" ] || cmake --preset release >/dev/null
cmake --build "$release" --target tlrun -- --quiet
cmake -S tests/fuzz -B "$out" -G Ninja -DCMAKE_CXX_COMPILER="$clang" >/dev/null
cmake --build "$out" -j "${JOBS:-2}" --target "${targets[@]/%/_fuzz}" -- --quiet

# The files that a target begins with.
seeds_of() {
  case $1 in
    picture | hdf5) find "tests/fuzz/seeds/$1" -type f ;;
    import) find tests/golden/{weights,published} tests/fuzz/seeds/{import,hdf5} -type f -size -80 ;;
    *) find "tests/fuzz/seeds/$1" tests/golden/weights -type f -size -16 ! -name '*.h5' ;;
  esac
}

fuzz() {
  local options=() target=$1
  local seeds=$out/seeds/$target corpus=$out/corpus/$target log=$out/$target.log
  rm -rf "$seeds"
  mkdir -p "$seeds" "$corpus"
  seeds_of "$target" | xargs -r cp -t "$seeds"
  [ ! -e "tests/fuzz/$target.dict" ] || options+=("-dict=tests/fuzz/$target.dict")
  case $target in
    import) options+=(-max_len=49152 -close_fd_mask=1) ;;
    hdf5) options+=(-max_len=16384) ;;
    picture) options+=(-max_len=8192 -malloc_limit_mb=1024 -rss_limit_mb=2560) ;;
    *) options+=(-max_len=8192) ;;
  esac
  "$out/${target}_fuzz" "$corpus" "$seeds" -max_total_time="$seconds" -timeout=10 \
    -malloc_limit_mb=64 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="$out/$target-" "${options[@]}" >"$log" 2>&1
}

# One line, and the findings.
report() {
  local target=$1 code=$2
  local log=$out/$target.log
  printf '%-15s %s: %s inputs, %s MB at most\n' "$target" \
    "$([ "$code" -eq 0 ] && echo ok || echo "FAILED")" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")"
  [ "$code" -eq 0 ] || grep -aE 'SUMMARY|ERROR|Test unit written' "$log" || tail -n 5 "$log"
}

status=0
declare -A target_of=()
finish_one() {
  local code=0 process=""
  wait -n -p process || code=$?
  report "${target_of[$process]}" "$code"
  [ "$code" -eq 0 ] || status=1
  unset "target_of[$process]"
}
for target in "${targets[@]}"; do
  [ "${#target_of[@]}" -lt "${JOBS:-2}" ] || finish_one
  fuzz "$target" &
  target_of[$!]=$target
done
while [ "${#target_of[@]}" -gt 0 ]; do finish_one; done
exit $status
