import { toMs } from "../domain/duration.ts";
import type { Config } from "./load.ts";

/** Waits for one provider's answers that differ from those for all, ms. */
export interface ProviderTimeouts {
  readonly connectMs: number | undefined;
  readonly headersMs: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly idleMs: number | undefined;
  readonly attemptMs: number | undefined;
}

/** Nothing where a provider has none of its own. */
export function toProviderTimeouts({ timeouts }: Config["providers"][string]): { timeouts?: ProviderTimeouts } {
  if (timeouts === undefined) return {};
  const { connect, headers, firstToken, idle, attempt } = timeouts;
  return {
    timeouts: {
      connectMs: toMs(connect),
      headersMs: toMs(headers),
      firstTokenMs: toMs(firstToken),
      idleMs: toMs(idle),
      attemptMs: toMs(attempt),
    },
  };
}
