#!/usr/bin/env bash
# Breaks the code on purpose, one small change at a time, and demands that a test notices.
#
#     tests/mutate.sh [name part]...
#     tests/mutate.sh --check           whether each change still finds its one line; builds nothing
#
# mutations/list.txt holds the changes. Each is made in a copy of the tree, which is built again as
# far as needed and tested with the folders of tests that the list names. The exit status is 0 if
# every change was noticed, 1 otherwise. The copy and its build stay in MUTATE_DIR (default
# build-mutate/ in the root) and make the next run start sooner; MUTATE_JOBS sets the compilers at a
# time (default: all cores). With arguments, only changes whose name contains one of them are tried.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)

# Name, file, folders of tests and sed expression of every change.
changes() { grep -v '^#' "$root/tests/mutations/list.txt" | sed -E '/^[[:space:]]*$/d; s/ +:: +/\t/g'; }

if [[ ${1:-} == --check ]]; then
  faults=0
  while IFS=$'\t' read -r name file folders expression; do
    changed=$(sed "$expression" "$root/$file" | diff "$root/$file" - | grep -c '^>' || true)
    [[ $changed -eq 1 ]] && continue
    echo "$name: changes $changed lines of $file instead of one"
    faults=$((faults + 1))
  done < <(changes)
  [[ $faults -eq 0 ]]
  exit
fi

work=${MUTATE_DIR:-$root/build-mutate}
jobs=${MUTATE_JOBS:-$(nproc)}
tree=$work/tree
build=$work/build
log=$work/log.txt
mkdir -p "$tree"

# The working tree as it is, without what git ignores. Files that are equal keep their times, so
# that nothing is built for nothing.
while IFS= read -r -d '' file; do
  [[ -f $root/$file ]] || continue
  cmp -s "$root/$file" "$tree/$file" && continue
  mkdir -p "$(dirname "$tree/$file")"
  cp "$root/$file" "$tree/$file"
done < <(cd "$root" && git ls-files -z --cached --others --exclude-standard)
while IFS= read -r -d '' file; do
  [[ -f $root/$file ]] || rm "$tree/$file"
done < <(cd "$tree" && find . -type f -print0)

# build_tests FOLDER...: the test programs of these folders.
build_tests() {
  cmake --build "$build" -j "$jobs" --target "${@/%/_tests}" >"$log" 2>&1
}

# run_tests FOLDER...: stops at the first that fails; a change may also make them hang.
run_tests() {
  local folder
  for folder; do
    timeout 300 "$build/tests/${folder}_tests" --abort-after=1 >"$log" 2>&1 || return 1
  done
}

wanted() {
  [[ $# -eq 1 ]] && return 0
  local name=$1 part
  shift
  for part; do [[ $name == *"$part"* ]] && return 0; done
  return 1
}

cmake -S "$tree" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTL_CUDA=OFF \
  -DCMAKE_CXX_FLAGS_RELEASE="-O1" >"$log" 2>&1 || { cat "$log"; exit 1; }
echo "building"
folders="kernels ops engine nn models io apps"
# shellcheck disable=SC2086
build_tests $folders || { tail -n 30 "$log"; exit 1; }
echo "testing the unchanged tree"
# shellcheck disable=SC2086
run_tests $folders || { tail -n 30 "$log"; exit 1; }

noticed=0
faults=()
while IFS=$'\t' read -r name file folders expression; do
  wanted "$name" "$@" || continue
  cp -p "$tree/$file" "$work/original"
  sed -i "$expression" "$tree/$file"
  changed=$(diff "$work/original" "$tree/$file" | grep -c '^>' || true)
  start=$SECONDS
  if [[ $changed -ne 1 ]]; then
    verdict="changes $changed lines instead of one"
  elif ! build_tests $folders; then
    verdict="does not compile: $(grep -m 1 'error:' "$log" || true)"
  elif run_tests $folders; then
    verdict="SURVIVED"
  else
    verdict="noticed"
  fi
  cp "$work/original" "$tree/$file"  # a new time: it is built again
  printf '%-28s %4d s  %s\n' "$name" $((SECONDS - start)) "$verdict"
  if [[ $verdict == noticed ]]; then
    noticed=$((noticed + 1))
  else
    faults+=("$name: $verdict")
  fi
done < <(changes)

echo "$noticed noticed, ${#faults[@]} not"
for fault in "${faults[@]}"; do echo "  $fault"; done
[[ ${#faults[@]} -eq 0 && $noticed -gt 0 ]]
