/** Starts real gateways for tests: real sockets on free ports, configured by the same YAML as in production. */
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { readCapabilities } from "../../src/capabilities.ts";
import { parseConfig } from "../../src/config/load.ts";
import { checkModels } from "../../src/config/models.ts";
import { ConfigError, type Problem } from "../../src/config/problem.ts";
import { toProviderSettings } from "../../src/config/providers.ts";
import { type Settings, toSettings } from "../../src/config/settings.ts";
import { toTelemetrySettings } from "../../src/config/telemetry.ts";
import { type Clock, type Random, systemClock } from "../../src/domain/clock.ts";
import { GatewayService } from "../../src/domain/contract.ts";
import { type Gateway, openGateway } from "../../src/gateway.ts";
import { readTls } from "../../src/listening.ts";
import { loadPackages } from "../../src/packages.ts";
import type { Prepared } from "../../src/prepare.ts";
import { pricedProviders, readPrices } from "../../src/prices.ts";
import { known } from "../../src/provider/registry.ts";
import { createLog } from "../../src/telemetry/log.ts";

export interface TestGatewayOptions {
  /** Overrides of what the YAML says. */
  readonly settings?: Partial<Settings>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly insecure?: boolean;
  /** What a reload reads; without it, the same again. */
  readonly reread?: () => string;
  /** What `env:` references find. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface TestGateway extends Gateway {
  /** Over gRPC, on HTTP/2. */
  readonly client: Client<typeof GatewayService>;
  /** Over Connect, on HTTP/1.1, as JSON. */
  readonly connectClient: Client<typeof GatewayService>;
  /** Over gRPC-Web, on HTTP/1.1. */
  readonly webClient: Client<typeof GatewayService>;
  /** What was logged, parsed. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
  /** Stops at once. */
  close(): Promise<void>;
}

/** Starts a gateway of this configuration (YAML). Close it in the end. */
export async function startGateway(yaml: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const logged: Record<string, unknown>[] = [];
  const output = { write: (line: string) => logged.push(JSON.parse(line) as Record<string, unknown>) };
  const prepared = await prepare(yaml, options);
  const gateway = await openGateway({
    ...prepared,
    reread: async () => await prepare(options.reread?.() ?? yaml, options),
    configFile: undefined,
    insecure: options.insecure ?? false,
    version: "0.0.0-test",
    log: createLog("debug", output),
    output,
    clock: options.clock ?? systemClock,
    random: options.random ?? (() => 0),
    // Clients and upstreams use the same event loop: how busy it is says nothing of the gateway.
    processLoad: { loopBusy: () => 0, heapUsed: () => 0 },
  });
  const scheme = prepared.tls === undefined ? "http" : "https";
  const grpcUrl = `${scheme}://${gateway.grpcAddress}`;
  const httpUrl = `${scheme}://${gateway.httpAddress}`;
  return {
    ...gateway,
    logged,
    client: createClient(GatewayService, createGrpcTransport({ baseUrl: grpcUrl })),
    connectClient: createClient(
      GatewayService,
      createConnectTransport({ baseUrl: httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
    ),
    webClient: createClient(GatewayService, createGrpcWebTransport({ baseUrl: httpUrl, httpVersion: "1.1" })),
    close: () => gateway.stop(0),
  };
}

/** As the process prepares a file, with an environment of the test's own; without administration unless asked. */
async function prepare(yaml: string, options: TestGatewayOptions): Promise<Prepared> {
  const config = parseConfig(yaml);
  const problems: Problem[] = [];
  const providers = toProviderSettings(config, known, options.environment ?? {}, problems);
  checkModels(config, new Set(Object.keys(config.providers)), problems);
  const prices = readPrices(config.prices, pricedProviders(config.providers), problems);
  const named = { providers: Object.keys(config.providers), catalogueProviders: prices.catalogueProviders };
  const capabilities = readCapabilities(config.capabilities, named, problems);
  const telemetry = toTelemetrySettings(config, options.environment ?? {}, problems);
  const packages = await loadPackages(providers, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const flags = { grpc: "127.0.0.1:0", http: "127.0.0.1:0", admin: "off", logLevel: undefined };
  const settings = { ...toSettings(config, flags), ...options.settings };
  return {
    config,
    providers,
    packages,
    settings,
    telemetry,
    prices,
    capabilities,
    models: config.models,
    tls: readTls(config),
  };
}

/** A gateway configuration with one provider, `house`, at this address (such as a simulator's `url`). */
export function houseConfig(baseUrl: string, more = ""): string {
  return `providers:\n  house: { dialect: openai-chat, base_url: "${baseUrl}" }\n${more}`;
}

/** The smallest request: one user message for a model. */
export function ask(model: string, text = "Hello") {
  return {
    attribution: { feature: "test" },
    prompt: { model, messages: [{ role: 2 as const, parts: [{ content: { case: "text" as const, value: text } }] }] },
  };
}
