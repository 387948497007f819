import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch, ChatEvent } from "../domain/event.ts";
import type { Frame } from "../wire/frame.ts";
import type { Decoder } from "./dialect.ts";

/** What came before a frame that cannot be read still comes out, before the error. */
export interface Decoded {
  readonly events: Batch;
  readonly error: GatewayError | undefined;
}

/** Decodes frames that came together. `last`: none follow. */
export function decodeFrames(frames: readonly Frame[], decoder: Decoder, last: boolean): Decoded {
  const events: ChatEvent[] = [];
  try {
    for (const frame of frames) for (const event of decoder.push(frame)) events.push(event);
    if (last) for (const event of decoder.finish()) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error: toGatewayError(error) };
  }
}
