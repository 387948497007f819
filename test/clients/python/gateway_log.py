"""The gateway's own word for how a call ended, from its log."""

import json
import os
import time

WAIT_S = 5.0


def expect_call(feature: str, outcomes: tuple[str, ...], most_ms: float) -> dict:
    """Waits until the call of this feature is logged. It must have ended in one of these ways, and within this time."""
    line = _await_call(feature)
    assert line["outcome"] in outcomes, f"the gateway says {line['outcome']!r}, not one of {outcomes}"
    assert line["latency_ms"] <= most_ms, f"the gateway worked for {line['latency_ms']} ms, not at most {most_ms} ms"
    return line


def _await_call(feature: str) -> dict:
    give_up_at = time.monotonic() + WAIT_S
    while True:
        for line in _read_calls():
            if line.get("feature") == feature:
                return line
        assert time.monotonic() < give_up_at, f"the gateway did not log how {feature} ended in {WAIT_S} s"
        time.sleep(0.02)


def _read_calls() -> list[dict]:
    with open(os.environ["CLIENTS_LOG"], encoding="utf-8") as log:
        # The last line may be half written.
        lines = log.read().split("\n")[:-1]
    return [json.loads(line) for line in lines if '"msg":"call"' in line]
