import type { IncomingHttpHeaders } from "node:http";

/** What was received, and how it ended. */
export interface SimulatorCall {
  /** Counts from 1. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The model name with its options, where the body has one. */
  readonly model: string | undefined;
  /** The parsed JSON; the text where it is no JSON; undefined where there was none. */
  readonly body: unknown;
  /** When the head of the request had come, on the simulator's monotonic clock. */
  readonly startedAtMs: number;
  /** Bytes of the answer given to the socket so far, head and framing included. */
  readonly bytesWritten: number;
  /** How the call ended; undefined while it is open. */
  readonly end: CallEnd | undefined;
  /** Resolves when the call has ended; never rejects. */
  readonly closed: Promise<CallEnd>;
}

interface CallEnd {
  /** The client left before the simulator had ended the answer. */
  readonly early: boolean;
  readonly atMs: number;
  readonly bytesWritten: number;
}

type CallFacts = Omit<SimulatorCall, "number" | "bytesWritten" | "end" | "closed">;

interface OpenCall {
  readonly call: SimulatorCall;
  readonly close: (end: CallEnd) => void;
}

export interface CallLog {
  /** The last calls, oldest first. */
  readonly calls: readonly SimulatorCall[];
  readonly open: number;
  add(facts: CallFacts, bytesWritten: () => number): OpenCall;
  next(): Promise<SimulatorCall>;
  idle(): Promise<void>;
  clear(): void;
  /** Rejects whoever still waits for a call. */
  stop(): void;
}

/** Keeps the last `limit` calls, so that a benchmark of any length fits in memory. */
export function createCallLog(limit: number): CallLog {
  const calls: SimulatorCall[] = [];
  const open = new Set<SimulatorCall>();
  let number = 0;
  let arrivals: PromiseWithResolvers<SimulatorCall>[] = [];
  let rests: PromiseWithResolvers<void>[] = [];

  function settleRests(): void {
    if (open.size > 0) return;
    for (const rest of rests) rest.resolve();
    rests = [];
  }

  return {
    calls,
    get open() {
      return open.size;
    },

    add(facts, bytesWritten) {
      const { promise, resolve } = Promise.withResolvers<CallEnd>();
      let end: CallEnd | undefined;
      number++;
      const call: SimulatorCall = {
        ...facts,
        number,
        closed: promise,
        get bytesWritten() {
          return end?.bytesWritten ?? bytesWritten();
        },
        get end() {
          return end;
        },
      };
      calls.push(call);
      if (calls.length > limit) calls.shift();
      open.add(call);
      for (const arrival of arrivals) arrival.resolve(call);
      arrivals = [];
      const close = (how: CallEnd) => {
        end = how;
        open.delete(call);
        resolve(how);
        settleRests();
      };
      return { call, close };
    },

    next() {
      const arrival = Promise.withResolvers<SimulatorCall>();
      // Who asked may have failed meanwhile for another reason, and then nobody looks at the rejection of `stop`.
      arrival.promise.catch(() => {});
      arrivals.push(arrival);
      return arrival.promise;
    },

    idle() {
      const rest = Promise.withResolvers<void>();
      rests.push(rest);
      settleRests();
      return rest.promise;
    },

    clear() {
      calls.length = 0;
    },

    stop() {
      for (const arrival of arrivals) arrival.reject(new Error("The simulator was closed before another call came."));
      arrivals = [];
    },
  };
}
