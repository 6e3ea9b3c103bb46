#!/usr/bin/env bash
# Runs every fuzz target of the tree for the given time each (default 10s).
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:-10s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The go command now and then fails a target with nothing but "context deadline
# exceeded" when the time is up while a worker is still answering. That is no
# finding: a finding, a hang too, writes its input. Only then is it tried again.
fuzz() {
  local try
  for try in 1 2 3; do
    if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" </dev/null 2>&1 | tee "$log"; then
      return 0
    fi
    if ! grep -q 'context deadline exceeded' "$log" || grep -q 'Failing input written' "$log"; then
      return 1
    fi
    echo "fuzz $1 $2: the time ran out while a worker was answering (try $try)"
  done
  return 1
}

grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/func //' | sort); do
    echo "fuzz $dir $target $time"
    fuzz "$dir" "$target"
  done
done
