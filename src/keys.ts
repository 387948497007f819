import type { NamedKey } from "./config/keys.ts";
import type { Clock } from "./domain/clock.ts";
import { reasonName } from "./domain/reasons.ts";
import { Keys } from "./provider/keys.ts";
import { readDeferral } from "./routing/rate-limit-headers.ts";
import type { Log } from "./telemetry/log.ts";

/** The keys of a provider that has several. The log says when one is set aside, by its reference. */
export function createKeys(provider: string, keys: readonly NamedKey[], clock: Clock, log: Pick<Log, "warn">): Keys {
  return new Keys({
    provider,
    keys,
    clock,
    readDeferral: ({ status, headers }, wallNow) => readDeferral(status, headers, wallNow)?.ms,
    onSetAside: ({ reason, ms, ...which }) => {
      log.warn({ ...which, reason: reasonName(reason), for_ms: ms }, "key set aside");
    },
  });
}
