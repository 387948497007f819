#!/usr/bin/env bash
# In a fresh clone: `npm ci && npm start` becomes ready, and the command that it prints answers.
set -euo pipefail
folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2> /dev/null || true; rm -rf "$folder"' EXIT
git clone --quiet . "$folder/sluice"
cd "$folder/sluice"
npm ci > "$folder/install.log" 2>&1 || { cat "$folder/install.log"; exit 1; }
export PATH="$PWD/node_modules/.bin:$PATH"
node src/main.ts --grpc 127.0.0.1:0 --http 127.0.0.1:0 > "$folder/out" 2>&1 &
pid=$!
for _ in $(seq 100); do
  grep -q '^Try: ' "$folder/out" && break
  kill -0 "$pid" || { cat "$folder/out"; exit 1; }
  sleep 0.1
done
command=$(sed -n 's/^Try: //p' "$folder/out")
[ -n "$command" ] || { echo "no command was printed:"; cat "$folder/out"; exit 1; }
answer=$(bash -c "$command")
case "$answer" in
  *'"text": "Hello"'*FINISH_REASON_STOP*) echo "ok: the printed command answers" ;;
  *) echo "an unexpected answer: $answer"; exit 1 ;;
esac
