import { decodeFrames } from "../src/provider/decode-frames.ts";
import type { Dialect } from "../src/provider/dialect.ts";
import { findDialect } from "../src/provider/registry.ts";
import { createFrameParser } from "../src/wire/framing.ts";
import { DELTAS, dialectStreams } from "./dialect-streams.ts";
import type { Plan } from "./plan.ts";
import type { Progress } from "./progress.ts";

/** What others are compared with. */
export const REFERENCE = "openai-chat";

/** CPU of each text delta, from bytes to events, µs by round. */
export type DialectMicros = Readonly<Record<string, readonly number[]>>;

interface Measured {
  readonly name: string;
  readonly dialect: Dialect;
  readonly chunks: readonly Uint8Array[];
}

const measured: readonly Measured[] = Object.entries(dialectStreams).map(([name, chunks]) => {
  const dialect = findDialect(undefined, name);
  if (dialect === undefined) throw new Error(`There is no dialect ${name}.`);
  return { name, dialect, chunks };
});

/** Decodes streams in this process, in rounds in which the dialects take turns. */
export function measureDialects({ dialects: plan }: Plan, progress: Progress): DialectMicros {
  const micros: Record<string, number[]> = Object.fromEntries(measured.map(({ name }) => [name, []]));
  progress.step("dialects: warming up");
  for (const one of measured) decodeStreams(one, plan.warmUpStreams);
  for (let round = 0; round < plan.rounds; round++) {
    progress.step(`dialects: round ${round + 1} of ${plan.rounds}`);
    // Turned by one each round, and every other one backwards: none always follows the same.
    const turned = [...measured.slice(round % measured.length), ...measured.slice(0, round % measured.length)];
    for (const one of round % 2 === 0 ? turned : turned.reverse()) {
      const before = process.threadCpuUsage();
      decodeStreams(one, plan.streams);
      const { user, system } = process.threadCpuUsage(before);
      micros[one.name]?.push((user + system) / plan.streams / DELTAS);
    }
  }
  return micros;
}

function decodeStreams({ name, dialect, chunks }: Measured, streams: number): void {
  for (let n = 0; n < streams; n++) {
    let deltas = 0;
    const parser = createFrameParser(dialect.framing, 1 << 20);
    const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: (at) => `minted_${at}` });
    const read = (frames: ReturnType<typeof parser.finish>, last: boolean): void => {
      const { events, error } = decodeFrames(frames, decoder, last);
      if (error !== undefined) throw error;
      for (const event of events) if (event.case === "blockDelta") deltas++;
    };
    for (const chunk of chunks) if (!decoder.ended) read(parser.push(chunk), false);
    if (!decoder.ended) read(parser.finish(), true);
    if (deltas !== DELTAS) throw new Error(`${name}: ${deltas} deltas of ${DELTAS} came.`);
  }
}
