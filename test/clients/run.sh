#!/usr/bin/env bash
# Calls one real gateway with clients that share no code with it: each completes, streams, cancels and meets a deadline.
#
#   test/clients/run.sh [buf-curl] [plain-curl] [grpc-js] [python]
#
# Needs `npm ci`, curl, and Python with venv. The Python packages are installed once, below ${XDG_CACHE_HOME:-~/.cache}.
# One line for each check, then the sum. Exit code 0 only if every check passed.
set -euo pipefail

fail() {
  printf 'test/clients: %s\n' "$1" >&2
  exit 1
}

[[ ${BASH_VERSINFO[0]} -ge 5 ]] || fail "bash 5 or later is needed; this is $BASH_VERSION"

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$root"
export PATH="$root/node_modules/.bin:$PATH"
[[ -d node_modules/@grpc/grpc-js ]] || fail "the packages are not installed; run npm ci first"
command -v node >/dev/null || fail "node is missing"
node -e 'process.exit(process.features.typescript ? 0 : 1)' ||
  fail "node $(node --version) cannot run TypeScript; see engines in package.json"

suites=("$@")
[[ ${#suites[@]} -gt 0 ]] || suites=(buf-curl plain-curl grpc-js python)
for suite in "${suites[@]}"; do
  [[ $suite =~ ^(buf-curl|plain-curl|grpc-js|python)$ ]] ||
    fail "no suite \"$suite\"; there are buf-curl, plain-curl, grpc-js and python"
done

scratch="$(mktemp -d)"
gateway_pid=""

clean_up() {
  if [[ -n $gateway_pid ]]; then
    kill -KILL "$gateway_pid" 2>/dev/null || true
    wait "$gateway_pid" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What every client says, and what the simulator's model `echo` counts for it. Not ASCII only: clients decode, too.
export CLIENTS_TEXT='Grüße aus Köln, 世界 👋'
export CLIENTS_INPUT_TOKENS=10
export CLIENTS_OUTPUT_TOKENS=6

# Streams that go on for long. In the paused one the second token is 10 s away: a gateway that noticed a cancelled call
# only when it next writes would take as long.
export CLIENTS_SLOW_MODEL=simulator/text:tokens=1000:rate=20
export CLIENTS_PAUSED_MODEL=simulator/text:tokens=1000:rate=0.1

# Nothing here leaves this machine.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
export CLIENTS_LOG="$scratch/gateway.log"
results="$scratch/results"
touch "$results"

start_gateway() {
  node src/main.ts --grpc 127.0.0.1:0 --http 127.0.0.1:0 >"$CLIENTS_LOG" 2>"$scratch/gateway.err" &
  gateway_pid=$!
  local ready=""
  for _ in {1..300}; do
    ready="$(grep -m 1 '"msg":"ready"' "$CLIENTS_LOG" || true)"
    [[ -z $ready ]] || break
    kill -0 "$gateway_pid" 2>/dev/null || break
    sleep 0.05
  done
  if [[ -z $ready ]]; then
    cat "$CLIENTS_LOG" "$scratch/gateway.err" >&2
    fail "the gateway did not start; its output is above"
  fi
  CLIENTS_GRPC="$(sed -n 's/.*"grpc":"\([^"]*\)".*/\1/p' <<<"$ready")"
  CLIENTS_HTTP="$(sed -n 's/.*"http":"\([^"]*\)".*/\1/p' <<<"$ready")"
  export CLIENTS_GRPC CLIENTS_HTTP
}

# Runs a suite and keeps its lines. One that breaks off between two checks has failed, too.
run_suite() {
  local name="$1"
  shift
  local lines="$scratch/$name.lines" status
  set +e
  "$@" | tee "$lines"
  status=${PIPESTATUS[0]}
  set -e
  if ! grep -q '^ok ' "$lines" || { [[ $status -ne 0 ]] && ! grep -q '^FAILED ' "$lines"; }; then
    printf 'FAILED %s: broke off with exit code %s\n' "$name" "$status" | tee -a "$lines"
  fi
  cat "$lines" >>"$results"
}

# Pinned packages, in a folder named after them: made beside its place and moved there once it is whole.
prepare_python() {
  local python=python3 packages="test/clients/python/requirements.txt" cache key made
  command -v "$python" >/dev/null || fail "python3 is missing"
  "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' ||
    fail "Python 3.10 or later with venv and ensurepip is needed"
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/sluice-clients"
  key="$({ "$python" -c 'import sys; print(sys.version, sys.executable)' && cat "$packages"; } | cksum | tr ' ' '-')"
  python_environment="$cache/venv-$key"
  if [[ ! -d $python_environment ]]; then
    mkdir -p "$cache"
    made="$(mktemp -d "$cache/making.XXXXXX")"
    if ! "$python" -m venv "$made/venv" ||
      ! "$made/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$packages"; then
      rm -rf "$made"
      fail "the packages in $packages could not be installed"
    fi
    [[ -d $python_environment ]] || mv "$made/venv" "$python_environment"
    rm -rf "$made"
  fi
  generated="$scratch/generated"
  mkdir "$generated"
  "$python_environment/bin/python" -m grpc_tools.protoc -I proto \
    --python_out="$generated" --grpc_python_out="$generated" \
    proto/sluice/v1/*.proto proto/buf/validate/validate.proto || fail "protoc refused the contract"
}

# Ends the gateway as an operator does. A call that a client left and the gateway still holds shows here.
gateway_ends_well() {
  local status=0
  kill -TERM "$gateway_pid"
  for _ in {1..100}; do
    kill -0 "$gateway_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$gateway_pid" 2>/dev/null || true
  wait "$gateway_pid" || status=$?
  gateway_pid=""
  if [[ $status -ne 0 ]]; then
    echo "exit code $status"
    return 1
  fi
  if ! grep -q '"open_calls":0,.*"msg":"draining"' "$CLIENTS_LOG"; then
    echo "calls were open though every client had ended"
    return 1
  fi
  if grep -E '"level":"(error|fatal)"|"reason":"INTERNAL"' "$CLIENTS_LOG"; then return 1; fi
  if [[ -s $scratch/gateway.err ]]; then
    cat "$scratch/gateway.err"
    return 1
  fi
}

if [[ " ${suites[*]} " == *" python "* ]]; then prepare_python; fi
start_gateway
for suite in "${suites[@]}"; do
  case "$suite" in
    buf-curl) run_suite "$suite" bash test/clients/buf-curl.sh ;;
    plain-curl) run_suite "$suite" bash test/clients/plain-curl.sh ;;
    grpc-js) run_suite "$suite" node test/clients/grpc-js.ts ;;
    python)
      run_suite "$suite" env PYTHONPATH="$generated" "$python_environment/bin/python" -B test/clients/python/suite.py
      ;;
  esac
done
# Not in a subshell: only the shell that started a process can wait for it.
if gateway_ends_well >"$scratch/trouble"; then
  echo "ok     gateway: ends with no call left open and no error of its own" | tee -a "$results"
else
  echo "FAILED gateway: ends with no call left open and no error of its own" | tee -a "$results"
  sed 's/^/       /' "$scratch/trouble"
fi

passed="$(grep -c '^ok ' "$results" || true)"
failed="$(grep -c '^FAILED ' "$results" || true)"
if [[ $failed -gt 0 ]]; then
  printf '\nThe gateway'\''s last lines:\n'
  tail -n 20 "$CLIENTS_LOG"
fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
