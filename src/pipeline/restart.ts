import type { Answer, Rest } from "../domain/call.ts";
import { OnStreamFailure } from "../domain/contract.ts";
import { toGatewayError } from "../domain/error.ts";
import type { Batch, ChatEvent } from "../domain/event.ts";
import type { Begun, Pursuit } from "./pursuit.ts";
import type { RoutedCall } from "./stages.ts";

/** The number of the first event after the start: everything from there on is forgotten at a restart. */
const FIRST_OF_CONTENT = 2;

/** Whether a call wants its stream to survive a failure. */
export function survivesFailures({ delivery, handling }: RoutedCall): boolean {
  const wish = handling?.onStreamFailure;
  return delivery === "stream" && (wish === OnStreamFailure.RESTART || wish === OnStreamFailure.CONTINUE);
}

/**
 * A stream that begins anew where an attempt breaks off: after a `restart` event, with the answer of another attempt.
 * Its events are numbered from 1 without gaps, and the first one is its start, so what is forgotten begins with the
 * second.
 */
export class RestartingAnswer implements Rest {
  readonly #call: RoutedCall;
  readonly #pursuit: Pursuit;
  #rest: Rest | undefined;

  constructor(call: RoutedCall, pursuit: Pursuit) {
    this.#call = call;
    this.#pursuit = pursuit;
  }

  begin({ answer }: Begun): Answer {
    this.#rest = answer.rest;
    return { first: answer.first, rest: answer.rest === undefined ? undefined : this };
  }

  async next(): Promise<Batch | undefined> {
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    try {
      return await rest.next();
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (this.#call.signal.aborted || !error.row.mayFailOver) throw error;
      return this.#restarted(await this.#pursuit.after(error));
    }
  }

  leave(): void {
    this.#rest?.leave();
  }

  #restarted({ run, answer }: Begun): Batch {
    this.#rest = answer.rest;
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
