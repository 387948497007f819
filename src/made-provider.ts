import type { AiSdkSettings } from "./config/ai-sdk.ts";
import { ConfigError } from "./config/problem.ts";
import type { ProviderSettings } from "./config/providers.ts";
import { isSame } from "./config/same.ts";
import type { Settings } from "./config/settings.ts";
import type { Clock } from "./domain/clock.ts";
import { createKeys } from "./keys.ts";
import type { Packages } from "./packages.ts";
import type { Prices } from "./prices.ts";
import type { OpenAiSdk } from "./provider/ai-sdk/index.ts";
import { Provider } from "./provider/provider.ts";
import { findDialect, keyHeaderOf, propagatesTraceTo, vendorOf } from "./provider/registry.ts";
import type { UpstreamProvider } from "./provider/upstream.ts";
import { authorizeOf } from "./signing.ts";
import type { Log } from "./telemetry/log.ts";

/** A provider with all that it was made of, to see whether a reload changes it. */
export interface Made {
  readonly provider: UpstreamProvider;
  readonly from: unknown;
}

/** What of a configuration decides about its providers, beside their own settings. */
interface Surroundings {
  readonly settings: Settings;
  readonly packages: Packages;
  readonly prices: Pick<Prices, "catalogueProviders">;
}

/** Opens a provider; gives the one before where that is made of the same. */
export function makeProvider(
  given: ProviderSettings,
  { settings, packages, prices }: Surroundings,
  clock: Clock,
  log: Pick<Log, "warn">,
  previous?: Made,
): Made {
  const { name, key, aiSdk, baseUrl, headers, maxConnections } = given;
  const options = {
    connectTimeoutMs: given.timeouts?.connectMs ?? settings.connectTimeoutMs,
    limits: { maxResponseBytes: settings.maxResponseBytes, maxEventBytes: settings.maxEventBytes },
    catalogueProvider: prices.catalogueProviders.get(name),
  };
  const from = { ...given, ...options };
  if (previous !== undefined && isSame(previous.from, from)) return previous;
  const shared = { ...options, clock, name, key, baseUrl, headers, maxConnections };
  if (aiSdk !== undefined) return { provider: openPackaged(given, aiSdk, shared, packages), from };
  const dialect = findDialect(given.preset, given.dialect);
  if (dialect === undefined) throw new ConfigError([{ path: `providers.${name}`, message: "has no dialect" }]);
  const provider = new Provider({
    ...shared,
    dialect,
    keys: given.keys === undefined ? undefined : createKeys(name, given.keys, clock, log),
    keyHeader: keyHeaderOf(given.preset, given.dialect),
    authorize: authorizeOf(given, settings, clock),
    vendor: vendorOf(given.preset) ?? name,
    propagatesTrace: given.propagatesTrace ?? propagatesTraceTo(given.preset),
    apiVersion: given.apiVersion,
  });
  return { provider, from };
}

type Shared = Pick<
  Parameters<OpenAiSdk>[0],
  | "connectTimeoutMs"
  | "limits"
  | "catalogueProvider"
  | "clock"
  | "name"
  | "key"
  | "baseUrl"
  | "headers"
  | "maxConnections"
>;

function openPackaged(
  { name, propagatesTrace }: ProviderSettings,
  { options, secrets, optionsName, vendor }: AiSdkSettings,
  shared: Shared,
  packages: Packages,
): UpstreamProvider {
  const path = `providers.${name}.ai_sdk`;
  const open = packages.get(name);
  if (open === undefined) throw new ConfigError([{ path, message: "its package was not loaded" }]);
  try {
    return open({
      ...shared,
      options,
      secrets,
      optionsName,
      vendor: vendorOf(vendor) ?? name,
      // Whoever a package talks to is somebody else, as far as is known.
      propagatesTrace: propagatesTrace ?? false,
    });
  } catch (error) {
    const words = error instanceof Error ? error.message : "it throws";
    throw new ConfigError([{ path, message: `the package does not take this: ${words}` }]);
  }
}
