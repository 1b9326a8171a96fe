#!/usr/bin/env bash
# Installs the packages, builds, runs all tests, and prints what each stage took.
#   tests/run.sh            release build, then the sanitizer builds, the fuzzers, the CUDA compile
#   tests/run.sh release    one stage: release, asan, race, tsan, fuzz or cuda
#   TL_REQUIRE=cuda         a missing CUDA toolkit is a failure, not a skipped stage
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=apps/install_packages.sh
source apps/install_packages.sh

# shellcheck disable=SC2086
install_packages $build_packages
summary=""

stage() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  "$@"
  summary+=$(printf '%-10s %5d s' "$name" $((SECONDS - start)))$'\n'
}

release() {
  cmake --preset release -DTL_CUDA=OFF >/dev/null
  cmake --build --preset release -- --quiet
  ctest --test-dir build/release --output-on-failure --parallel 2
}

# Without the CUDA kernels: "race" holds those to every access.
asan() {
  cmake --preset asan -DTL_SIMT=OFF >/dev/null
  cmake --build --preset asan -- --quiet
  ctest --test-dir build/asan --output-on-failure --parallel 2
}

# The CUDA kernels on the host, under the race checker; the tests in two parts, because a kernel runs
# on one processor. The largest cases repeat what smaller ones do.
race() {
  cmake --preset race >/dev/null
  cmake --build --preset race --target simt_tests simt_bugs kernels_tests ops_tests -- --quiet
  build/race/tests/simt/simt_tests
  build/race/tests/simt/simt_bugs
  TL_TEST_BACKEND=simt build/race/tests/kernels_tests --source-file='*/conv2d*,*/gemm*' \
    --test-case-exclude='*large problems*,*several chunks*' &
  local half=$!
  TL_TEST_BACKEND=simt build/race/tests/kernels_tests --source-file-exclude='*/conv2d*,*/gemm*'
  TL_TEST_BACKEND=simt build/race/tests/ops_tests
  wait "$half"
}

# Where threads meet (tests/CMakeLists.txt).
tsan() {
  cmake --preset tsan >/dev/null
  cmake --build --preset tsan --target thread_tests -- --quiet
  build/tsan/tests/thread_tests
}

# A minute of made-up files for each reader.
fuzz() {
  install_packages clang libclang-rt-dev
  tests/fuzz/run.sh 60
}

cuda() {
  if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
    if [ "${TL_REQUIRE:-}" = cuda ]; then
      echo "no CUDA toolkit (nvcc) found, and TL_REQUIRE=cuda" >&2
      return 1
    fi
    echo "skipped: no CUDA toolkit (nvcc) found"
    return 0
  fi
  # What is not CUDA has been compiled for "release" already. The third form that programs carry, for
  # GPUs to come, is of the same code.
  cmake --preset release -DTL_CUDA=ON "-DCMAKE_CUDA_ARCHITECTURES=80-real;90a-real" >/dev/null
  cmake --build --preset release --target tlbench vendor_tests nvtx_tests -- --quiet
  build/release/tests/vendor_tests
  build/release/tests/nvtx_tests
}

for name in "${@:-release asan race tsan fuzz cuda}"; do
  # shellcheck disable=SC2086
  for one in $name; do stage "$one" "$one"; done
done
printf '\n%s' "$summary"
