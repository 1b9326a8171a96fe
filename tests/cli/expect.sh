# Sourced by the tests of the command line: a folder of their own to work in, and expect.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export TLRUN_CACHE=$work/cache  # not the user's
failed=0

fail() {
  echo "FAILED: $1"
  head -40 out.txt | sed "s/^/    /"
  failed=1
}

# expect CODE TEXT COMMAND...: runs the command; its exit code must be CODE, its output hold TEXT.
expect() {
  local code=$1 text=$2
  shift 2
  "$@" >out.txt 2>&1
  local got=$?
  if [ "$got" -ne "$code" ]; then
    fail "$* exited with $got, not $code"
  elif ! grep -qF -- "$text" out.txt; then
    fail "$* did not print '$text'"
  fi
}

# also TEXT...: the last command's output holds these too.
also() {
  local text
  for text in "$@"; do
    grep -qF -- "$text" out.txt || fail "the output lacks '$text'"
  done
}

# finish NAME: the verdict.
finish() {
  [ $failed -eq 0 ] && echo "$1: all as expected"
  exit $failed
}

# render_pictures: patterns/train/ and patterns/val/, each with chipped/ and whole/, 16 pictures.
render_pictures() {
  "$tlrun" render . --task imbalanced --count 8 >/dev/null || exit 1
  local class
  for class in whole chipped; do
    mkdir -p patterns/val/$class
    mv imbalanced/$class/000[78].png patterns/val/$class
  done
  mv imbalanced patterns/train
}
