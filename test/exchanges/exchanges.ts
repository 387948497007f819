/** Recorded exchanges of providers, read where they are. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder lies beside the checkout; it is never copied into it. */
const FOLDER = new URL("../../../shared/fixtures/", import.meta.url).pathname;

interface Expectation {
  readonly text: string | null;
  readonly finish_reason: string | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly cache_write_tokens: number | null;
  readonly reasoning_tokens: number | null;
  readonly reasoning_text: string | null;
  readonly refusal: string | null;
  readonly tool_calls: readonly { id?: string | null; name: string; arguments: unknown }[];
  readonly error: { type: unknown; code: unknown; message: string } | null;
}

export interface Exchange {
  readonly name: string;
  readonly provider: string;
  readonly api: string;
  readonly model: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly request: Readonly<Record<string, unknown>> | null;
  readonly stream: boolean;
  readonly body_format: string;
  readonly categories: readonly string[];
  readonly oddities: readonly string[];
  readonly expect: Expectation;
  readonly body: Buffer;
}

/** In CI the exchanges must be there; elsewhere their suites say that they were skipped. */
export const available = existsSync(FOLDER) || process.env.CI === "true";

/** Reads the exchanges of one API, or of all. */
export function readExchanges(api?: string): Exchange[] {
  if (!available) return [];
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: provider }) =>
      readdirSync(join(FOLDER, provider))
        .filter((file) => file.endsWith(".json"))
        .map((file) => {
          const path = join(FOLDER, provider, file);
          const meta = JSON.parse(readFileSync(path, "utf8")) as Omit<Exchange, "name" | "body">;
          const body = readFileSync(path.replace(/\.json$/, ".body"));
          return { ...meta, name: `${provider}/${file.replace(/\.json$/, "")}`, body };
        }),
    )
    .filter((exchange) => api === undefined || exchange.api === api)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
