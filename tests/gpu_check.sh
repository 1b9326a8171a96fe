#!/usr/bin/env bash
# Everything that only a GPU can show, in one call of ten minutes: builds, tests every variant of
# every kernel, runs compute-sanitizer, measures, and writes down what was found.
#
#   tests/gpu_check.sh [--out DIR] [--carried DIR] [--budget SECONDS] [--jobs N] [--parts "a b .."]
#   tests/gpu_check.sh --device simt [--build DIR]     the same steps on the host, tiny: a rehearsal
#
# Parts, in this order, each with its share of the budget: build tests sanitizer kernels networks
# pytorch. DIR (default build/gpu_check) gets, complete after every part,
#   result.json     format: tests/gpu_report.py, which makes README tables from it
#   verified.txt    variants whose tests passed: goes to kernels/cuda/verified.txt
#   *.log           what each part printed
# Exit: 0 all passed, 1 something failed or was cut off, 2 wrong usage, 3 no GPU.
set -uo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

device=cuda out=build/gpu_check carried=carried budget=570 jobs=$(nproc) build=""
parts="build tests sanitizer kernels networks pytorch"
while [ $# -gt 0 ]; do
  case $1 in
    --device | --out | --carried | --budget | --jobs | --build | --parts)
      [ $# -ge 2 ] || { echo "gpu_check: $1 needs a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    *)
      echo "gpu_check: unknown option '$1'; the head of this script lists them" >&2
      exit 2
      ;;
  esac
done
case $device in
  cuda | simt) ;;
  *) echo "gpu_check: --device $device: needs cuda or simt" >&2; exit 2 ;;
esac
if [ "$device" = cuda ] && ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
  echo "gpu_check: no GPU found; --device simt rehearses the steps without one" >&2
  exit 3
fi
[ "$device" = simt ] && tiny=1 || tiny=""
[ -n "$build" ] || build=build/gpu
[ -d "$carried" ] || carried=""
# Named by the caller: from where it stands.
case $out in /* | build/gpu_check) ;; *) out=$caller/$out ;; esac
case $build in /* | build/gpu) ;; *) build=$caller/$build ;; esac
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/*.jsonl "$out"/result.json "$out"/verified.txt
failed=0

left() { echo $((budget - SECONDS > 1 ? budget - SECONDS : 1)); }
# limited SECONDS COMMAND...: within its share and what is left.
limited() {
  local most=$1 rest
  rest=$(left)
  shift
  timeout --kill-after=5 $((most < rest ? most : rest)) "$@"
}
# part NAME STATUS SECONDS: one line for the report, which is then written anew.
part() {
  printf '{"part": "%s", "passed": %s, "seconds": %d}\n' "$1" \
    "$([ "$2" -eq 0 ] && echo true || echo false)" "$3" >>"$out/parts.jsonl"
  [ "$2" -eq 0 ] || failed=1
  report
}
report() { python3 tests/gpu_report.py collect "$out" --device "$device" --card "$card"; }

card=simt
if [ "$device" = cuda ]; then
  card=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
fi

run_build() {
  local cudnn=""
  # Where the toolkit has no cuDNN, the one of the Python package.
  if [ ! -e /usr/local/cuda/include/cudnn.h ]; then
    cudnn=$(python3 -c 'import nvidia.cudnn as c; print(list(c.__path__)[0])' 2>/dev/null)
  fi
  cmake -G Ninja -B "$build" -DCMAKE_BUILD_TYPE=Release -DTL_IO=OFF -DTL_SIMT=OFF -DTL_CUDA=ON \
    -DCMAKE_CUDA_ARCHITECTURES="${TL_GPU_ARCHITECTURES:-90a-real}" ${carried:+-DTL_CARRIED=$carried} \
    ${cudnn:+-DTL_CUDNN_ROOT=$cudnn} &&
    cmake --build "$build" -j "$jobs" -- --quiet
}

# The kernels' tests run one file per process: several at once, and one crash hides no other file.
run_tests() {
  local list status=0 file name programs=""
  for name in ops nn; do [ -x "$build/tests/${name}_tests" ] && programs+=" $name"; done
  list=$(cd tests/kernels && ls *_test.cpp | sed 's/\.cpp$//')
  [ -n "$tiny" ] && list="gemm_test global_average_pool_test" && programs=""
  : >"$out/tests.jsonl"
  export TL_TEST_BACKEND=$device build out device
  one_file() {
    local begin=$SECONDS code
    "$build/tests/kernels_tests" --source-file="*/$1.cpp" >"$out/test_$1.log" 2>&1
    code=$?
    printf '{"test": "kernels/%s", "passed": %s, "seconds": %d}\n' "$1" \
      "$([ $code -eq 0 ] && echo true || echo false)" $((SECONDS - begin)) >>"$out/tests.jsonl"
    return $code
  }
  export -f one_file
  # shellcheck disable=SC2086
  printf '%s\n' $list | xargs -P "$(((jobs + 1) / 2))" -I{} bash -c 'one_file {}' || status=1
  for name in $programs; do
    file="$out/test_$name.log"
    "$build/tests/${name}_tests" >"$file" 2>&1
    local code=$?
    printf '{"test": "%s", "passed": %s}\n' "$name" \
      "$([ $code -eq 0 ] && echo true || echo false)" >>"$out/tests.jsonl"
    [ $code -eq 0 ] || status=1
  done
  return $status
}

run_sanitizer() {
  local tool status=0 file
  if [ -n "$tiny" ]; then echo "rehearsal: no compute-sanitizer"; return 0; fi
  command -v compute-sanitizer >/dev/null || { echo "compute-sanitizer is not installed"; return 1; }
  : >"$out/sanitizer.jsonl"
  for tool in memcheck racecheck; do
    for file in gemm reduce batch_norm softmax conv2d; do
      local begin=$SECONDS code
      # One case per file: under the sanitizer a kernel takes a hundred times as long.
      TL_TEST_BACKEND=$device limited 25 compute-sanitizer --tool $tool --error-exitcode 9 \
        "$build/tests/kernels_tests" --source-file="*/${file}_test.cpp" >"$out/$tool.$file.log" 2>&1
      code=$?
      # Cut off by its share of the time is no finding.
      printf '{"tool": "%s", "test": "%s", "passed": %s, "complete": %s, "seconds": %d}\n' $tool \
        "$file" "$([ $code -eq 0 ] || [ $code -eq 124 ] && echo true || echo false)" \
        "$([ $code -eq 124 ] && echo false || echo true)" $((SECONDS - begin)) \
        >>"$out/sanitizer.jsonl"
      [ $code -eq 0 ] || [ $code -eq 124 ] || status=1
    done
  done
  return $status
}

run_kernels() {
  if [ -n "$tiny" ]; then
    "$build/apps/tlbench" run all --device "$device" --shapes tests/gpu_shapes/tiny.txt --seconds 0 \
      --json --budget 60 >"$out/kernels.jsonl"
  else
    "$build/apps/tlbench" run all --device "$device" --shapes tests/gpu_shapes/resnet50.txt \
      --dtype bf16 --dtype f32 --seconds 0.05 --json --budget 110 >"$out/kernels.jsonl"
  fi
}

# Training step and features, one line of JSON per run.
run_networks() {
  local arch mode amp status=0 batch=256
  : >"$out/networks.jsonl"
  if [ -n "$tiny" ]; then
    for amp in off bf16; do
      "$build/apps/tlbench" model resnet20 --device "$device" --batch 1 --size 32 --runs 1 \
        --amp $amp --json >>"$out/networks.jsonl" || status=1
    done
    return $status
  fi
  for arch in resnet18 resnet50; do
    for mode in infer train; do
      local common=(model "$arch" --device "$device" --batch $batch --mode $mode --runs 5 --json)
      "$build/apps/tlbench" "${common[@]}" >>"$out/networks.jsonl" || status=1
      "$build/apps/tlbench" "${common[@]}" --variant conv2d=cudnn_tf32 --variant gemm=cublas_tf32 \
        >>"$out/networks.jsonl" || status=1
      "$build/apps/tlbench" "${common[@]}" --amp bf16 >>"$out/networks.jsonl" || status=1
    done
  done
  return $status
}

run_pytorch() {
  if ! python3 -c 'import torch, torchvision' 2>/dev/null; then
    echo "PyTorch is not installed: no comparison"
    return 0
  fi
  [ -n "$tiny" ] && return 0
  python3 tests/peers/gpu_speed.py --out "$out/pytorch.jsonl"
}

share() {
  case $1 in
    build) echo 200 ;; tests) echo 150 ;; sanitizer) echo 100 ;; kernels) echo 120 ;;
    networks) echo 90 ;; pytorch) echo 100 ;;
  esac
}

export -f run_build run_tests run_sanitizer run_kernels run_networks run_pytorch limited left
export device out carried budget jobs build tiny
for name in $parts; do
  [ "$name" = build ] && [ -n "$tiny" ] && continue
  begin=$SECONDS
  echo "== $name"
  limited "$(share "$name")" bash -c "SECONDS=$SECONDS; run_$name" >"$out/$name.log" 2>&1
  code=$?
  tail -5 "$out/$name.log"
  part "$name" $code $((SECONDS - begin))
  # Without programs nothing else can be said.
  [ "$name" = build ] && [ $code -ne 0 ] && break
done
echo "result: $out/result.json"
exit $failed
