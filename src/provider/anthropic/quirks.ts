import type { Delivery } from "../../domain/event.ts";
import type { JsonRecord } from "../json.ts";

/** How the platforms that serve Claude differ. Data, one row for each preset; the default is Anthropic's own. */
export interface Quirks {
  readonly path: (model: string, delivery: Delivery) => string;
  /** Where tokens are counted; the body names the model there. */
  readonly countPath: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Fields of every body beside those of the prompt. */
  readonly fields: (model: string) => JsonRecord;
  /** Where the names of beta features go. */
  readonly betas: "header" | "body";
  /** Pictures and documents may be addresses, which the platform fetches. */
  readonly mediaUri: boolean;
  /** Documents may be files that were uploaded before. */
  readonly fileIds: boolean;
}

export const defaultQuirks: Quirks = {
  path: () => "/v1/messages",
  countPath: "/v1/messages/count_tokens",
  headers: { "anthropic-version": "2023-06-01" },
  fields: (model) => ({ model }),
  betas: "header",
  mediaUri: true,
  fileIds: true,
};

/** Quirks by preset. Sources: the Claude API docs' page of each platform, read 2026-11. */
export const quirksByPreset: Readonly<Record<string, Quirks>> = {
  "vertex-anthropic": {
    path: (model, delivery) => {
      // Versions follow an at sign, which Google wants as it is.
      const name = encodeURIComponent(model).replaceAll("%40", "@");
      return `/publishers/anthropic/models/${name}:${delivery === "stream" ? "streamRawPredict" : "rawPredict"}`;
    },
    countPath: "/publishers/anthropic/models/count-tokens:rawPredict",
    headers: {},
    fields: () => ({ anthropic_version: "vertex-2023-10-16" }),
    betas: "body",
    mediaUri: false,
    fileIds: false,
  },
};
