#!/usr/bin/env bash
# Feeds made-up files to the readers of weights, with AddressSanitizer and UndefinedBehaviorSanitizer:
#
#     tests/fuzz/run.sh [SECONDS [READER]...]      60 seconds each; readers: the *_fuzz.cpp here
#
# Begins with the small files of tests/golden/weights and what earlier runs found worth keeping
# (build/fuzz/<reader>). A file that crashes a reader, or makes it take over 64 MiB at once or over
# 10 seconds, ends the run with status 1 and stays as build/fuzz/<reader>-crash-...; it becomes a test.
# HDF5 is not among the readers: its library does crash, which is why it runs in a process of its own
# (tests/io/damaged_hdf5_test.cpp).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-60}
readers=("${@:2}")
if [ ${#readers[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do readers+=("$(basename "$source" _fuzz.cpp)"); done
fi
clang=${CLANG:-clang++}
if ! command -v "$clang" >/dev/null; then
  echo "tests/fuzz/run.sh needs clang with libFuzzer (Debian: clang); CLANG names another" >&2
  exit 2
fi

# What the readers consist of; no library but the headers of nlohmann-json.
sources=(io/regular_file.cpp io/shared_bytes.cpp io/stored_array.cpp io/zip_archive.cpp
  io/pickle.cpp io/pytorch_*.cpp io/safetensors_header.cpp io/safetensors_read.cpp)
flags=(-std=c++20 -O1 -g -I. -fno-sanitize-recover=all)
mkdir -p build/fuzz
objects=()
for source in "${sources[@]}"; do
  object=build/fuzz/$(basename "$source" .cpp).o
  "$clang" "${flags[@]}" -fsanitize=fuzzer-no-link,address,undefined -c "$source" -o "$object"
  objects+=("$object")
done

status=0
for reader in "${readers[@]}"; do
  program=build/fuzz/${reader}_fuzz
  "$clang" "${flags[@]}" -fsanitize=fuzzer,address,undefined "tests/fuzz/${reader}_fuzz.cpp" \
    "${objects[@]}" -o "$program"
  seeds=build/fuzz/$reader-seeds
  mkdir -p "$seeds" "build/fuzz/$reader"
  find tests/golden/weights -size -8 ! -name '*.h5' -exec cp -t "$seeds" {} +
  echo "== $reader: $seconds s"
  "$program" "build/fuzz/$reader" "$seeds" -max_total_time="$seconds" -max_len=8192 -timeout=10 \
    -malloc_limit_mb=64 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="build/fuzz/$reader-" >"build/fuzz/$reader.log" 2>&1 || status=1
  grep -E "stat::number_of_executed_units|stat::peak_rss_mb|SUMMARY|ERROR" "build/fuzz/$reader.log" || true
done
exit $status
