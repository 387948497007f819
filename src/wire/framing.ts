import { createAwsEventStreamParser } from "./aws-event-stream.ts";
import type { FrameParser } from "./frame.ts";
import { createJsonLinesParser } from "./json-lines.ts";
import { createSseParser } from "./sse.ts";
import { createSseOrJsonParser } from "./sse-or-json.ts";

const parsers = {
  sse: createSseParser,
  "aws-event-stream": createAwsEventStreamParser,
  "sse-or-json": createSseOrJsonParser,
  "json-lines": createJsonLinesParser,
} as const satisfies Readonly<Record<string, (maxEventChars: number) => FrameParser>>;

/** How a streamed answer is cut into frames. */
export type Framing = keyof typeof parsers;

/** `push` throws `UPSTREAM_RESPONSE_TOO_LARGE` for a frame above `maxEventChars`, `UPSTREAM_MALFORMED` for what is none. */
export function createFrameParser(framing: Framing, maxEventChars: number): FrameParser {
  return parsers[framing](maxEventChars);
}
