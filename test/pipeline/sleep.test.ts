import { expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { sleep } from "../../src/pipeline/sleep.ts";
import { createManualClock } from "./manual-clock.ts";

const left = new GatewayError(ErrorReason.CANCELLED, "The caller left.");

test("resolves after its time, and no sooner", async () => {
  const clock = createManualClock();
  const events: string[] = [];
  const slept = sleep(100, clock, new AbortController().signal).then(() => events.push("awake"));
  clock.advance(99);
  await Promise.resolve();
  events.push("99 ms");
  clock.advance(1);
  await slept;
  expect(events).toEqual(["99 ms", "awake"]);
  expect(clock.timers).toBe(0);
});

test("ends at once with the signal's reason, and leaves no timer", async () => {
  const clock = createManualClock();
  const controller = new AbortController();
  const slept = sleep(100, clock, controller.signal);
  controller.abort(left);
  await expect(slept).rejects.toBe(left);
  expect(clock.timers).toBe(0);
});

test("does not begin once the signal has aborted", async () => {
  const clock = createManualClock();
  await expect(sleep(100, clock, AbortSignal.abort(left))).rejects.toBe(left);
  expect(clock.scheduled).toBe(0);
});

test("leaves nothing on a signal that outlives it", async () => {
  const clock = createManualClock();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  const slept = sleep(100, clock, signal);
  expect(listeners).toBe(1);
  clock.advance(100);
  await slept;
  expect(listeners).toBe(0);
});
