import type { Answer, Rest } from "../domain/call.ts";
import { OnStreamFailure } from "../domain/contract.ts";
import { toGatewayError } from "../domain/error.ts";
import type { Batch, ChatEvent } from "../domain/event.ts";
import { Continuation } from "./continuation.ts";
import type { Begun, Pursuit } from "./pursuit.ts";
import { Shown } from "./shown.ts";
import type { RoutedCall } from "./stages.ts";

/** The number of the first event after the start: everything from there on is forgotten at a restart. */
const FIRST_OF_CONTENT = 2;

/** Whether a call wants its stream to survive a failure. */
export function survivesFailures({ delivery, handling }: RoutedCall): boolean {
  const wish = handling?.onStreamFailure;
  return delivery === "stream" && (wish === OnStreamFailure.RESTART || wish === OnStreamFailure.CONTINUE);
}

/**
 * A stream that goes on where an attempt breaks off: with the rest of its text, where the call wants that and the next
 * target can; else after a `restart` event, with the answer of another attempt. Its events are numbered from 1 without
 * gaps, and the first one is its start, so what is forgotten begins with the second.
 */
export class RestartingAnswer implements Rest {
  readonly #call: RoutedCall;
  readonly #pursuit: Pursuit;
  #rest: Rest | undefined;
  /** What the reader has; undefined for a call that is to begin anew. */
  #shown: Shown | undefined;
  /** Of the attempt that answers now, where it goes on with another's text. */
  #continuation: Continuation | undefined;

  constructor(call: RoutedCall, pursuit: Pursuit) {
    this.#call = call;
    this.#pursuit = pursuit;
    if (call.handling?.onStreamFailure === OnStreamFailure.CONTINUE) this.#shown = new Shown();
  }

  begin({ answer }: Begun): Answer {
    this.#rest = answer.rest;
    this.#shown?.take(answer.first);
    return { first: answer.first, rest: answer.rest === undefined ? undefined : this };
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      const events = await this.#next();
      if (events === undefined) return undefined;
      this.#shown?.take(events);
      if (events.length > 0) return events;
    }
  }

  leave(): void {
    this.#rest?.leave();
  }

  /** May be nothing where the reader has all of it. */
  async #next(): Promise<Batch | undefined> {
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    try {
      const events = await rest.next();
      return events === undefined ? undefined : (this.#continuation?.take(events) ?? events);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (this.#call.signal.aborted || !error.row.mayFailOver) throw error;
      const begun = await this.#pursuit.after(error, this.#shown?.unfinished);
      this.#rest = begun.answer.rest;
      const { continued } = begun.run;
      this.#continuation = continued && new Continuation(continued);
      return this.#continuation?.take(begun.answer.first) ?? this.#restarted(begun);
    }
  }

  #restarted({ run, answer }: Begun): Batch {
    if (this.#shown !== undefined) this.#shown = new Shown();
    const start = answer.first.find((event) => event.case === "start");
    const restart: ChatEvent = {
      case: "restart",
      value: {
        $typeName: "sluice.v1.StreamRestart",
        discardFromSequence: FIRST_OF_CONTENT,
        provider: run.target.provider.name,
        model: start?.value.model ?? run.target.model,
      },
    };
    return [restart, ...answer.first.filter((event) => event.case !== "start")];
  }
}
