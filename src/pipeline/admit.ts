import type { Answer, Call, CallBase, Handler, Rest, Stage } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import type { Batch } from "../domain/event.ts";
import { priorityOf } from "../routing/priority.ts";
import type { Admission } from "./admission.ts";
import type { CallRefusal } from "./call-refusal.ts";
import type { TargetSlots } from "./target-slots.ts";

/** Who is let in, to the process and to targets. The same for all configurations. */
export interface Gates {
  readonly admission: Admission;
  readonly slots: TargetSlots | undefined;
}

/**
 * Lets calls in, as many at once as the process can take. A call has its place until it is over: its answer is whole,
 * failed, or left by its reader. Throws `OVERLOADED` where there is no place in time.
 */
export function admit(admission: Admission, clock: Clock): Stage<Call> {
  return (next) => admitWith(admission, clock, (call) => answer(next, call, admission));
}

/** The same for calls whose answer is no conversation, and comes whole. */
export function admitWhole<C extends CallBase, A>(
  admission: Admission,
  clock: Clock,
  next: Handler<C, A>,
): Handler<C, A> {
  return admitWith(admission, clock, (call) => next(call).finally(() => admission.leave()));
}

function admitWith<C extends CallBase, A>(admission: Admission, clock: Clock, enter: Handler<C, A>): Handler<C, A> {
  return (call) =>
    admission.tryEnter(priorityOf(call.handling?.priority))
      ? enter(call)
      : wait(call, admission, clock).then(() => enter(call));
}

/** Why a call of this priority would not be let in now; undefined where it may, or may wait. */
export function refusalOf(
  admission: Admission,
  priority: number | undefined,
  deadline: number,
): CallRefusal | undefined {
  return admission.refusal(priorityOf(priority), deadline);
}

async function wait(call: CallBase, admission: Admission, clock: Clock): Promise<void> {
  const since = clock.now();
  try {
    await admission.enter(priorityOf(call.handling?.priority), call.deadline, call.signal);
  } finally {
    call.waits.queueMs += clock.now() - since;
  }
}

function answer(next: Handler<Call>, call: Call, admission: Admission): Promise<Answer> {
  return next(call).then(
    ({ first, rest }) => {
      if (rest !== undefined) return { first, rest: new HeldRest(rest, admission) };
      admission.leave();
      return { first, rest };
    },
    (thrown: unknown) => {
      admission.leave();
      throw thrown;
    },
  );
}

/** The rest of an answer, which holds a place. Hands on the promises of the rest itself: nobody waits any longer. */
class HeldRest implements Rest {
  readonly #rest: Rest;
  readonly #admission: Admission;
  #held = true;

  constructor(rest: Rest, admission: Admission) {
    this.#rest = rest;
    this.#admission = admission;
  }

  next(): Promise<Batch | undefined> {
    const promise = this.#rest.next();
    promise.then(this.#came, this.#free);
    return promise;
  }

  leave(): void {
    this.#rest.leave();
    this.#free();
  }

  readonly #came = (events: Batch | undefined): void => {
    if (events === undefined) this.#free();
  };

  readonly #free = (): void => {
    if (!this.#held) return;
    this.#held = false;
    this.#admission.leave();
  };
}
