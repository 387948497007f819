import { create } from "@bufbuild/protobuf";
import type { Handler, Stage } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason, HandlingSchema } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import type { OrderedCall, RoutedCall, Shadowing } from "./stages.ts";

/** What copies need to run. */
export interface ShadowOptions {
  readonly random: Random;
  readonly shadows: Shadows;
  /** Answers a copy, and reports it. */
  readonly handle: Handler<RoutedCall>;
  /** Whether a target is healthy: one that is not gets no copies, which would only ask it in vain. */
  readonly mayAsk: (target: Target) => boolean;
  /** Told when a copy begins and ends, so that what it uses is not taken away meanwhile. */
  readonly enter: () => void;
  readonly leave: () => void;
}

/** Never tried again, whatever the caller's call may be; and with the usual timeouts. */
const COPY_HANDLING = create(HandlingSchema, { notIdempotent: true });

/**
 * Copies some calls to another target. The call itself is on its way by then, and does not hear of its copy: it neither
 * waits for it nor ends it. Calls that may be made only once are not copied.
 */
export function shadow(options: ShadowOptions): Stage<OrderedCall, RoutedCall> {
  return (next) => (call) => {
    const answer = next(call);
    const { shadow: shadowing } = call;
    if (shadowing !== undefined && call.handling?.notIdempotent !== true) {
      if (options.random() * 100 < shadowing.percentage) options.shadows.copy(call, shadowing, options);
    }
    return answer;
  };
}

/** The copies that are running. They outlive the calls that they are of, and a reload; not the process's end. */
export class Shadows {
  readonly #clock: Clock;
  readonly #running = new Map<AbortController, { readonly name: string; readonly over: Promise<void> }>();
  #closing: GatewayError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Begins a copy, unless there are too many, or its target is not well. */
  copy(call: OrderedCall, shadowing: Shadowing, { handle, mayAsk, enter, leave }: ShadowOptions): void {
    if (this.#closing !== undefined) return;
    const { target } = shadowing;
    const name = targetName(target);
    if (this.#count(name) >= shadowing.maxConcurrent || !mayAsk(target)) {
      call.watch.shadowDropped(target.provider.describe(target.model));
      return;
    }
    const controller = new AbortController();
    const arrivedAt = this.#clock.now();
    const timer = this.#clock.schedule(shadowing.timeoutMs, () => controller.abort(tooLate()));
    enter();
    const over = run(handle, {
      ...call,
      handling: COPY_HANDLING,
      signal: controller.signal,
      deadline: arrivedAt + shadowing.timeoutMs,
      arrivedAt,
      attempts: [],
      waits: { upstreamMs: 0, retryMs: 0, queueMs: 0 },
      watch: call.watch.shadow(),
      targets: [target],
    }).finally(() => {
      timer.cancel();
      this.#running.delete(controller);
      leave();
    });
    this.#running.set(controller, { name, over });
  }

  /** Ends what is running, and begins nothing any more. Resolves once all is reported. */
  async close(): Promise<void> {
    this.#closing ??= new GatewayError(ErrorReason.SHUTTING_DOWN, "This instance is stopping.");
    const running = [...this.#running];
    for (const [controller] of running) controller.abort(this.#closing.with({}));
    await Promise.all(running.map(([, { over }]) => over));
  }

  #count(name: string): number {
    let count = 0;
    for (const each of this.#running.values()) if (each.name === name) count++;
    return count;
  }
}

/** Reads a copy's answer to its end. Never rejects: a failure was reported with the copy. */
async function run(handle: Handler<RoutedCall>, copy: RoutedCall): Promise<void> {
  try {
    const { rest } = await handle(copy);
    let events: Batch | undefined;
    do events = await rest?.next();
    while (events !== undefined);
  } catch {
    // Nobody waits for it.
  }
}

function tooLate(): GatewayError {
  return new GatewayError(ErrorReason.DEADLINE_EXCEEDED, "The copy took longer than a shadow may.");
}
