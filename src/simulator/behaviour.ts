import type { Clock } from "./clock.ts";
import {
  describeOptions,
  type OptionDescription,
  type Options,
  type RawOptions,
  readOptions,
  refuseUnknownOptions,
  type Values,
} from "./options.ts";
import type { Reply } from "./reply.ts";
import type { ChatRequest } from "./request.ts";

/** One chat completion call as a behaviour sees it. */
export interface Exchange {
  /** Counts the calls of this simulator from 1; ids are made of it. */
  readonly number: number;
  readonly authorization: string | undefined;
  readonly request: ChatRequest;
  readonly reply: Reply;
  readonly clock: Clock;
  /** What behaviours remember between calls, by their own keys. */
  readonly memory: Map<string, number>;
}

/** Answers one call. A rejection after `reply.signal` has aborted only means that the client has left. */
export type Play = (exchange: Exchange) => Promise<void> | void;

/** What a model name stands for. */
export interface Behaviour {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionDescription[];
  /** Throws an `ApiError` where an option is unknown or has a wrong value. */
  readonly prepare: (raw: RawOptions) => Play;
}

export function behaviour<O extends Options>(
  name: string,
  description: string,
  options: O,
  play: (exchange: Exchange, values: Values<O>) => Promise<void> | void,
): Behaviour {
  const described = describeOptions(options);
  const prepare = (raw: RawOptions): Play => {
    refuseUnknownOptions(name, described, raw);
    const values = readOptions(options, raw);
    return (exchange) => play(exchange, values);
  };
  return { name, description, options: described, prepare };
}
