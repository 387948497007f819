# What the suites in bash share. Sourced with `suite` set.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
: "${CLIENTS_GRPC:?run the suites with test/clients/run.sh}"
service=sluice.v1.GatewayService
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
failures=0

# check NAME COMMAND...: one line for a check, which has passed if each command in it did. Files of a check are its own:
# they lie in $work.
check() {
  local name="$suite: $1" status
  shift
  work="$(mktemp -d "$scratch/check.XXXXXX")"
  set +e
  (
    set -e
    "$@"
  ) >"$work/said" 2>&1
  status=$?
  set -e
  if [[ $status -eq 0 ]]; then
    echo "ok     $name"
  else
    echo "FAILED $name"
    sed 's/^/       /' "$work/said"
    failures=$((failures + 1))
  fi
}

# Ends the suite, after its last check.
finish() {
  [[ $failures -eq 0 ]]
}

# request MODEL FEATURE: a call in JSON. The feature names the check, so that the gateway's log tells the calls apart.
request() {
  printf '{"attribution":{"feature":"%s"},"prompt":{"model":"%s","messages":[{"role":"ROLE_USER","parts":[{"text":"%s"}]}]}}' \
    "$2" "$1" "$CLIENTS_TEXT"
}

# See expect.ts.
expect() {
  node "$here/expect.ts" "$@"
}

# The last value of the header `sluice-request-id` among headers, or in what `buf curl -v` or `curl -D` wrote about
# them: `buf curl` asks for the schema first, and that is a call of its own.
request_id_in() {
  sed -n 's/.*[Ss]luice-[Rr]equest-[Ii]d: *//p' "$1" | tail -n 1 | tr -d '\r'
}

# same WHAT ACTUAL EXPECTED
same() {
  [[ $2 == "$3" ]] || {
    echo "$1 is \"$2\", not \"$3\""
    return 1
  }
}

now_ms() {
  echo "$((${EPOCHREALTIME//[!0-9]/} / 1000))"
}

# took_between START_MS LEAST_MS MOST_MS
took_between() {
  local took=$(($(now_ms) - $1))
  [[ $took -ge $2 && $took -le $3 ]] || {
    echo "it took $took ms, not $2 to $3 ms"
    return 1
  }
}

# await_text TEXT FILE: until the file holds the text; at most 10 s.
await_text() {
  for _ in {1..500}; do
    if [[ -f $2 ]] && grep -q --text "$1" "$2"; then return 0; fi
    sleep 0.02
  done
  echo "no \"$1\" came"
  return 1
}
