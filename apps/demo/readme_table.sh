#!/usr/bin/env bash
# Runs the demo with five seeds and puts its table between the markers of README.md.
#   readme_table.sh [TLRUN]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tlrun=${1:-build/release/apps/tlrun}

table=$(mktemp)
trap 'rm -f "$table"' EXIT
"$tlrun" demo --seeds 5 --markdown >"$table"
grep -q '^<!-- demo:begin -->$' README.md && grep -q '^<!-- demo:end -->$' README.md ||
  { echo "README.md: the markers demo:begin and demo:end are missing" >&2; exit 1; }
sed -i -e '/^<!-- demo:begin -->$/,/^<!-- demo:end -->$/{//!d}' \
  -e "/^<!-- demo:begin -->\$/r $table" README.md
