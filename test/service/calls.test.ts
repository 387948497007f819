/** Running calls: why they end. */
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { reasonName } from "../../src/domain/reasons.ts";
import { Calls } from "../../src/service/calls.ts";
import { createManualClock } from "../pipeline/manual-clock.ts";
import { unwatched } from "../support/unwatched.ts";

test.each([
  [1000, 0, "CANCELLED"],
  [1000, 949, "CANCELLED"],
  [1000, 950, "DEADLINE_EXCEEDED"],
  [1000, 999, "DEADLINE_EXCEEDED"],
  [100, 89, "CANCELLED"],
  [100, 90, "DEADLINE_EXCEEDED"],
  [undefined, 9949, "CANCELLED"],
  [undefined, 9950, "DEADLINE_EXCEEDED"],
])("a caller with a timeout of %s ms who leaves after %i ms ended it by %s", (timeoutMs, afterMs, reason) => {
  const clock = createManualClock();
  const calls = new Calls(clock);
  let leave = (): void => {};
  const request = create(CompleteRequestSchema, { attribution: { feature: "test" }, prompt: { model: "m" } });
  const { call, close } = calls.open(
    request,
    {},
    { delivery: "unary", arrivedAt: clock.now(), defaultDeadlineMs: 10_000, watch: unwatched },
    {
      requestId: "00000000-0000-0000-0000-000000000000",
      timeoutMs,
      onGone(listener) {
        leave = listener;
      },
      interrupt: () => {},
    },
  );
  clock.advance(afterMs);
  leave();
  const why: unknown = call.signal.reason;
  expect(why instanceof GatewayError && reasonName(why.reason)).toBe(reason);
  close();
  expect({ running: calls.size, timers: clock.timers }).toEqual({ running: 0, timers: 0 });
});
