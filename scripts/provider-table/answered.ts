import { collect } from "../../src/domain/collect.ts";
import type { CompleteResponse } from "../../src/domain/contract.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { answers } from "./answers.ts";
import { type Feature, nameOf } from "./feature.ts";
import recorded from "./recorded.json" with { type: "json" };

/** An answer, and whether it came as a stream. */
interface Answer {
  readonly response: CompleteResponse;
  readonly streamed: boolean;
}

type Sees = (answer: Answer) => boolean;

function parts(kind: string): Sees {
  return ({ response }) => response.parts.some(({ content }) => content.case === kind);
}

function counts(field: "cacheReadTokens" | "cacheWriteTokens" | "reasoningTokens"): Sees {
  return ({ response }) => (response.usage?.[field] ?? 0) > 0;
}

const hasTokens: Sees = ({ response: { usage } }) =>
  usage?.inputTokens !== undefined && usage.outputTokens !== undefined;

/** What may come back, and how it is seen in an answer. */
export const sights = {
  text: parts("text"),
  "tool calls": parts("toolCall"),
  usage: hasTokens,
  "usage in streams": (answer) => answer.streamed && hasTokens(answer),
  "reasoning text": ({ response }) =>
    response.parts.some(({ content }) => content.case === "reasoning" && content.value.text !== ""),
  "reasoning tokens": counts("reasoningTokens"),
  citations: ({ response }) => response.parts.some(({ citations }) => citations.length > 0),
  logprobs: ({ response }) => response.logprobs.length > 0,
  images: parts("image"),
  audio: parts("audio"),
  "cache reads": counts("cacheReadTokens"),
  "cache writes": counts("cacheWriteTokens"),
  metadata: ({ response }) => response.providerMetadata !== undefined,
} as const satisfies Readonly<Record<string, Sees>>;

export type Sight = keyof typeof sights;

/** What every server of a dialect sends: no recording is needed to believe it. */
const usual: ReadonlySet<Sight> = new Set(["text", "tool calls", "usage", "usage in streams"]);

const seen: Readonly<Record<string, readonly string[]>> = recorded;

const UNRECORDED = "Is read where it comes, but is in no recorded answer of this provider's.";

/**
 * Features that come back. The dialect reads them in a scripted answer, and the provider sent them in a recorded one:
 * what was seen in those is in `recorded.json`, which a test compares with the recordings.
 */
export const answeredFeatures: readonly Feature[] = (Object.keys(sights) as Sight[]).map((sight) => ({
  name: sight,
  probe: async (row, dialect) => {
    if (!(await isRead(sight, dialect))) return { answer: "no", notes: [] };
    const known = usual.has(sight) || seen[nameOf(row)]?.includes(sight) === true;
    return known ? { answer: "yes", notes: [] } : { answer: "partly", notes: [UNRECORDED] };
  },
}));

async function isRead(sight: Sight, dialect: Dialect): Promise<boolean> {
  const script = answers[dialect.name]?.[sight];
  if (script === undefined) return false;
  const streamed = Array.isArray(script);
  const frames: Frame[] = streamed ? script : [{ data: JSON.stringify(script) }];
  return sights[sight]({ response: await decodeFrames(dialect, frames, !streamed), streamed });
}

/** An answer's frames as a response. */
export async function decodeFrames(
  dialect: Dialect,
  frames: readonly Frame[],
  whole: boolean,
): Promise<CompleteResponse> {
  const decoder = dialect.createDecoder({ model: "m", whole, mintCallId: (n) => `call_${n}` });
  const events: ChatEvent[] = frames.flatMap((frame) => [...decoder.push(frame)]);
  return await collect({ first: [...events, ...decoder.finish()], rest: undefined });
}
