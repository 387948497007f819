import { readCapabilities } from "./capabilities.ts";
import { type Config, emptyConfig, loadConfig } from "./config/load.ts";
import { checkModels } from "./config/models.ts";
import { ConfigError, type Problem } from "./config/problem.ts";
import { type ProviderSettings, providersFromEnvironment, toProviderSettings } from "./config/providers.ts";
import { processEnvironment } from "./config/secrets.ts";
import { LOG_LEVELS, type Settings, toSettings } from "./config/settings.ts";
import { type TelemetrySettings, toTelemetrySettings } from "./config/telemetry.ts";
import { checkAddresses, readTls } from "./listening.ts";
import type { CapabilityBook } from "./models/capability-book.ts";
import { loadPackages, type Packages } from "./packages.ts";
import { type Prices, pricedProviders, readPrices } from "./prices.ts";
import { known } from "./provider/registry.ts";
import type { TlsFiles } from "./transport/address.ts";

/** What of the command line is about the configuration. */
export interface ConfigArguments {
  readonly config?: string;
  readonly grpc?: string;
  readonly http?: string;
  readonly admin?: string;
  readonly "log-level"?: string;
  readonly insecure?: boolean;
}

export interface Prepared {
  /** As the file says it. */
  readonly config: Config;
  readonly models: Config["models"];
  readonly providers: readonly ProviderSettings[];
  readonly packages: Packages;
  readonly prices: Prices;
  readonly capabilities: CapabilityBook;
  readonly telemetry: TelemetrySettings;
  readonly settings: Settings;
  readonly tls: TlsFiles | undefined;
}

/** Everything that the configuration says, checked. Throws `ConfigError` with all that is wrong with it. */
export async function prepare(args: ConfigArguments): Promise<Prepared> {
  const config = args.config === undefined ? emptyConfig() : loadConfig(args.config);
  const problems: Problem[] = [];
  const providers =
    args.config === undefined
      ? providersFromEnvironment(known, processEnvironment, problems)
      : toProviderSettings(config, known, processEnvironment, problems);
  checkModels(config, new Set(Object.keys(config.providers)), problems);
  const priced = args.config === undefined ? providers : pricedProviders(config.providers);
  const prices = readPrices(config.prices, priced, problems);
  const named = { providers: priced.map(({ name }) => name), catalogueProviders: prices.catalogueProviders };
  const capabilities = readCapabilities(config.capabilities, named, problems);
  const telemetry = toTelemetrySettings(config, processEnvironment, problems);
  const packages = await loadPackages(providers, problems);
  const level = args["log-level"];
  if (level !== undefined && !LOG_LEVELS.some((one) => one === level)) {
    problems.push({ path: "--log-level", message: `${JSON.stringify(level)} is none of ${LOG_LEVELS.join(", ")}` });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const settings = toSettings(config, { grpc: args.grpc, http: args.http, admin: args.admin, logLevel: level });
  const tls = readTls(config);
  checkAddresses({ settings, tls, insecure: args.insecure === true });
  return { config, models: config.models, providers, packages, prices, capabilities, telemetry, settings, tls };
}
