#!/usr/bin/env bash
# Writes the table of README.md anew: which build notices which bug.
#   tests/simt/bugs/table.sh       needs simt_bugs in build/release, build/asan and build/race
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=../../..
rows=$(join -t $'\t' <("$root/build/release/tests/simt/simt_bugs" --table 2>/dev/null | sort) \
  <("$root/build/asan/tests/simt/simt_bugs" --table 2>/dev/null | cut -f 1,2 | sort) |
  join -t $'\t' - <("$root/build/race/tests/simt/simt_bugs" --table 2>/dev/null | cut -f 1-3 | sort))
{
  sed '/^| bug |/,$d' README.md
  echo "| bug | what is wrong | forward | reverse | random | ASan, UBSan | race, forward | race, reverse |"
  echo "|---|---|---|---|---|---|---|---|"
  awk -F '\t' '{ print "| `" $1 "` | " $5 " | " $2 " | " $3 " | " $4 " | " $6 " | " $7 " | " $8 " |" }' \
    <<<"$rows"
} >README.new
mv README.new README.md
