import type { Usage } from "../../domain/contract.ts";
import { asArray, asCount, asRecord, type JsonRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/**
 * Collects what an answer says of its tokens: all of it in a whole answer; in a stream the prompt's in
 * `message_start`, the answer's in `message_delta`, which may repeat or correct the prompt's.
 */
export class UsageReader {
  #said: JsonRecord = {};
  #usage: Usage | undefined;

  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** The wire's own words, for what the contract has no field for. */
  get said(): JsonRecord {
    return this.#said;
  }

  /**
   * What a stream begins with. Its `output_tokens` are those of the first piece (often 1): no count of the answer. A
   * prompt without a token is one that was not counted yet (recorded at OpenRouter, 2026-11).
   */
  begin(value: unknown): void {
    const { output_tokens: _output, ...said } = asRecord(value) ?? {};
    if (prompt(count(said)) !== 0) this.add(said);
  }

  add(value: unknown): void {
    const news = Object.entries(asRecord(value) ?? {}).filter(([, count]) => count !== null && count !== undefined);
    if (news.length === 0) return;
    this.#said = { ...this.#said, ...Object.fromEntries(news) };
    this.#usage = toUsage(this.#said);
  }
}

/** In the contract's sense: the prompt includes what was read from the cache and written to it. */
function toUsage(said: JsonRecord): Usage | undefined {
  const own = count(said);
  // Summarising a long conversation costs tokens that the totals leave out. Source: "Compaction", read 2026-11.
  const all = asArray(said.iterations)
    .map((item) => asRecord(item) ?? {})
    .filter(({ type }) => type === "compaction")
    .reduce((total, summary) => add(total, count(summary)), own);
  if (all.fresh === undefined && all.output === undefined) return undefined;
  const usage: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  setCount(usage, "inputTokens", prompt(all));
  setCount(usage, "cacheReadTokens", all.read);
  setCount(usage, "cacheWriteTokens", all.written);
  setCount(usage, "cacheWrite1hTokens", all.writtenForAnHour);
  setCount(usage, "outputTokens", all.output);
  setCount(usage, "reasoningTokens", asCount(asRecord(said.output_tokens_details)?.thinking_tokens));
  return usage;
}

interface Counts {
  /** Tokens of the prompt that no cache was involved in. */
  readonly fresh: number | undefined;
  readonly read: number | undefined;
  readonly written: number | undefined;
  readonly writtenForAnHour: number | undefined;
  readonly output: number | undefined;
}

function count(said: JsonRecord): Counts {
  return {
    fresh: asCount(said.input_tokens),
    read: asCount(said.cache_read_input_tokens),
    written: asCount(said.cache_creation_input_tokens),
    writtenForAnHour: asCount(asRecord(said.cache_creation)?.ephemeral_1h_input_tokens),
    output: asCount(said.output_tokens),
  };
}

function add(a: Counts, b: Counts): Counts {
  return {
    fresh: sum(a.fresh, b.fresh),
    read: sum(a.read, b.read),
    written: sum(a.written, b.written),
    writtenForAnHour: sum(a.writtenForAnHour, b.writtenForAnHour),
    output: sum(a.output, b.output),
  };
}

/** All tokens of the prompt: on this wire the cached ones stand beside the others. */
function prompt({ fresh, read, written }: Counts): number | undefined {
  return fresh === undefined ? undefined : fresh + (read ?? 0) + (written ?? 0);
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}
