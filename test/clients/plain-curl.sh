#!/usr/bin/env bash
# curl and JSON alone, over HTTP/1.1: the Connect protocol as somebody types it.
suite="curl"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

command -v curl >/dev/null || {
  echo "test/clients: curl is missing" >&2
  exit 1
}
door="http://$CLIENTS_HTTP"

# post PATH TYPE ANSWER BODY [FLAG...]: sends the file BODY, writes ANSWER and says the HTTP status.
post() {
  local path="$1" type="$2" answer="$3" body="$4"
  shift 4
  curl --silent --show-error --http1.1 --no-buffer --max-time 10 --dump-header "$work/headers" --write-out '%{http_code}' \
    --header "content-type: $type" --data-binary "@$body" --output "$answer" "$@" "$door/$path"
}

# envelope TEXT: a message of a Connect stream, which is a byte of flags and four of length before the text.
envelope() {
  local LC_ALL=C length
  length="$(printf '%08x' "${#1}")"
  printf '%b' "\\x00\\x${length:0:2}\\x${length:2:2}\\x${length:4:2}\\x${length:6:2}"
  printf '%s' "$1"
}

completes() {
  request simulator/echo curl-complete >"$work/body"
  same "the status" "$(post "$service/Complete" application/json "$work/answer.json" "$work/body")" 200
  expect answer "$work/answer.json" "$(request_id_in "$work/headers")"
}

streams() {
  envelope "$(request simulator/echo curl-stream)" >"$work/body"
  same "the status" "$(post "$service/Stream" application/connect+json "$work/events.connect" "$work/body")" 200
  expect events "$work/events.connect" "$(request_id_in "$work/headers")"
}

cancels() {
  local pid started
  envelope "$(request "$CLIENTS_PAUSED_MODEL" curl-cancel)" >"$work/body"
  # Without a shell around it, so that the process is curl itself.
  curl --silent --http1.1 --no-buffer --header "content-type: application/connect+json" --data-binary "@$work/body" \
    --output "$work/events.connect" "$door/$service/Stream" &
  pid=$!
  # shellcheck disable=SC2064
  trap "kill -KILL $pid 2>/dev/null || true" EXIT
  await_text blockDelta "$work/events.connect"
  started="$(now_ms)"
  kill -TERM "$pid"
  wait "$pid" || true
  expect call curl-cancel cancelled 10000
  took_between "$started" 0 3000
  expect begun "$work/events.connect"
  request simulator/echo curl-cancel-next >"$work/body"
  same "the status" "$(post "$service/Complete" application/json "$work/answer.json" "$work/body")" 200
  expect answer "$work/answer.json" "$(request_id_in "$work/headers")"
}

meets_deadline() {
  local started
  request simulator/fault.no-response curl-deadline >"$work/body"
  started="$(now_ms)"
  same "the status" 504 \
    "$(post "$service/Complete" application/json "$work/error.json" "$work/body" --header "connect-timeout-ms: 500")"
  took_between "$started" 490 1000
  expect error "$work/error.json" deadline_exceeded DEADLINE_EXCEEDED
  expect call curl-deadline failed 750
}

meets_deadline_in_a_stream() {
  local started
  envelope "$(request "$CLIENTS_SLOW_MODEL" curl-stream-deadline)" >"$work/body"
  started="$(now_ms)"
  same "the status" 200 "$(post "$service/Stream" application/connect+json "$work/events.connect" "$work/body" \
    --header "connect-timeout-ms: 500")"
  took_between "$started" 490 1000
  expect begun "$work/events.connect" deadline_exceeded DEADLINE_EXCEEDED
  expect call curl-stream-deadline failed 750
}

explains_an_unknown_model() {
  request nobody/echo curl-unknown >"$work/body"
  same "the status" "$(post "$service/Complete" application/json "$work/error.json" "$work/body")" 404
  expect error "$work/error.json" not_found MODEL_NOT_FOUND
}

refuses_a_misspelt_field() {
  request simulator/echo curl-misspelt | sed 's/"prompt"/"promt"/' >"$work/body"
  same "the status" "$(post "$service/Complete" application/json "$work/error.json" "$work/body")" 400
  expect error "$work/error.json" invalid_argument
}

checks_health() {
  echo '{}' >"$work/body"
  same "the status" "$(post grpc.health.v1.Health/Check application/json "$work/health.json" "$work/body")" 200
  same "the server's health" "$(cat "$work/health.json")" '{"status":"SERVING"}'
  same "/healthz" "$(curl --silent --max-time 10 "$door/healthz")" ok
  same "/readyz" "$(curl --silent --max-time 10 "$door/readyz")" ready
}

check "completes" completes
check "streams" streams
check "cancels upstream work when it is killed, and the next call works" cancels
check "meets a deadline" meets_deadline
check "meets a deadline in a stream" meets_deadline_in_a_stream
check "says why for a model that nobody serves" explains_an_unknown_model
check "refuses a field that is spelt wrong" refuses_a_misspelt_field
check "checks health" checks_health
finish
