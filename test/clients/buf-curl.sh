#!/usr/bin/env bash
# `buf curl` in its three protocols, with no schema at hand: it asks the gateway for it by server reflection.
suite="buf curl"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

# The program itself: the wrapper that npm links does not hand signals on.
# shellcheck disable=SC2016
buf="$(node -p 'require.resolve(`@bufbuild/buf-${process.platform}-${process.arch}/bin/buf`)')"

# Each protocol at its door. Exit codes of failed calls are the gRPC code times 8.
use() {
  protocol="$1"
  door="http://$CLIENTS_HTTP"
  flags=(--protocol "$protocol")
  if [[ $protocol == grpc ]]; then
    door="http://$CLIENTS_GRPC"
    flags+=(--http2-prior-knowledge)
  fi
  suite="buf curl, $protocol"
}

# call METHOD MODEL FEATURE [FLAG...]
call() {
  local method="$1" model="$2" feature="$3"
  shift 3
  "$buf" curl "${flags[@]}" --timeout 10s "$@" -d "$(request "$model" "$feature")" "$door/$service/$method"
}

completes() {
  call Complete simulator/echo "buf-$protocol-complete" -v >"$work/answer.json" 2>"$work/trace"
  expect answer "$work/answer.json" "$(request_id_in "$work/trace")"
}

streams() {
  call Stream simulator/echo "buf-$protocol-stream" -v >"$work/events.json" 2>"$work/trace"
  expect events "$work/events.json" "$(request_id_in "$work/trace")"
}

cancels() {
  local feature="buf-$protocol-cancel" status=0 pid started
  "$buf" curl "${flags[@]}" -d "$(request "$CLIENTS_PAUSED_MODEL" "$feature")" "$door/$service/Stream" \
    >"$work/events.json" 2>"$work/error.json" &
  pid=$!
  # Whatever happens before it is cancelled, it does not outlive the check.
  # shellcheck disable=SC2064
  trap "kill -KILL $pid 2>/dev/null || true" EXIT
  await_text blockDelta "$work/events.json"
  started="$(now_ms)"
  kill -INT "$pid"
  wait "$pid" || status=$?
  took_between "$started" 0 3000
  same "the exit code" "$status" 8
  expect error "$work/error.json" canceled
  expect begun "$work/events.json"
  expect call "$feature" cancelled 10000
  call Complete simulator/echo "$feature-next" -v >"$work/answer.json" 2>"$work/trace"
  expect answer "$work/answer.json" "$(request_id_in "$work/trace")"
}

# The time limit covers buf's own start and its reflection, too: the call itself gets what is left of the second.
meets_deadline() {
  local feature="buf-$protocol-deadline" status=0 started
  started="$(now_ms)"
  call Complete simulator/fault.no-response "$feature" --timeout 1s 2>"$work/error.json" || status=$?
  took_between "$started" 990 2000
  same "the exit code" "$status" 32
  expect error "$work/error.json" deadline_exceeded DEADLINE_EXCEEDED where-sent
  # Whose timer was first decides what the gateway calls it.
  expect call "$feature" failed,cancelled 1000
}

explains_an_unknown_model() {
  local status=0
  call Complete nobody/echo "buf-$protocol-unknown" 2>"$work/error.json" || status=$?
  same "the exit code" "$status" 40
  expect error "$work/error.json" not_found MODEL_NOT_FOUND
}

checks_health() {
  same "the server's health" "$(health '{}')" '{"status":"SERVING"}'
  same "the service's health" "$(health "{\"service\":\"$service\"}")" '{"status":"SERVING"}'
  local status=0
  health '{"service":"nobody"}' 2>"$work/error.json" || status=$?
  same "the exit code" "$status" 40
  expect error "$work/error.json" not_found SERVICE_NOT_FOUND
}

health() {
  "$buf" curl "${flags[@]}" --timeout 10s -d "$1" "$door/grpc.health.v1.Health/Check" >"$work/health.json" || return
  tr -d ' \n' <"$work/health.json"
}

lists_services() {
  same "the list" "$("$buf" curl "${flags[@]}" --reflect-protocol "$1" --list-services "$door")" "grpc.health.v1.Health
grpc.reflection.v1.ServerReflection
grpc.reflection.v1alpha.ServerReflection
sluice.v1.EmbeddingService
sluice.v1.GatewayService
sluice.v1.ModelService"
}

completes_by_v1alpha() {
  call Complete simulator/echo "buf-$protocol-v1alpha" -v --reflect-protocol grpc-v1alpha \
    >"$work/answer.json" 2>"$work/trace"
  expect answer "$work/answer.json" "$(request_id_in "$work/trace")"
}

for each in grpc connect grpcweb; do
  use "$each"
  check "completes" completes
  check "streams" streams
  check "cancels upstream work on SIGINT, and the next call works" cancels
  check "meets a deadline" meets_deadline
  check "says why for a model that nobody serves" explains_an_unknown_model
  check "checks health" checks_health
  check "lists services by reflection v1" lists_services grpc-v1
  check "lists services by reflection v1alpha" lists_services grpc-v1alpha
  check "completes with the schema from reflection v1alpha" completes_by_v1alpha
done
finish
