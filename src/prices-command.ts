import { parseArgs } from "node:util";
import { type Config, emptyConfig, loadConfig } from "./config/load.ts";
import { ConfigError, type Problem } from "./config/problem.ts";
import { CATALOGUE_PROVIDERS } from "./models/catalogue-providers.ts";
import { type PricedProvider, type Prices, pricedProviders, readPrices } from "./prices.ts";
import type { KnownPrice, PriceQuery } from "./pricing/price-book.ts";
import { showPrices, showShort } from "./pricing/show.ts";
import { findNearest } from "./routing/nearest.ts";

const USAGE = `  npm start -- prices [MODEL ...] [--config FILE]

  MODEL   provider/model, a name from the configuration's models, or a model's bare name
`;

/** What to write, and with which code to exit. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const EXIT = { ok: 0, unknown: 1, misconfigured: 2 } as const;

/** `prices`: what models cost, and where the figures are from. `atMs`: now, ms since 1970. */
export function printPrices(args: readonly string[], atMs: number): Printed {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { config: { type: "string" } },
      allowPositionals: true,
    });
    const config = values.config === undefined ? emptyConfig() : loadConfig(values.config);
    const command = new Command(config, values.config !== undefined, atMs);
    return positionals.length > 0 ? command.show(positionals) : command.list();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason =
      error instanceof ConfigError ? `The configuration cannot be used:\n${error.message}\n` : error.message;
    return { stdout: "", stderr: `${reason}\n\n${USAGE}`, exitCode: EXIT.misconfigured };
  }
}

interface Found {
  readonly name: string;
  readonly prices: readonly KnownPrice[];
}

class Command {
  readonly #config: Config;
  readonly #isConfigured: boolean;
  readonly #atMs: number;
  readonly #providers: readonly PricedProvider[];
  readonly #prices: Prices;

  constructor(config: Config, isConfigured: boolean, atMs: number) {
    this.#config = config;
    this.#isConfigured = isConfigured;
    this.#atMs = atMs;
    this.#providers = isConfigured
      ? pricedProviders(config.providers)
      : Object.keys(CATALOGUE_PROVIDERS).map((preset) => ({ name: preset, preset, baseUrl: undefined }));
    const problems: Problem[] = [];
    this.#prices = readPrices(config.prices, this.#providers, problems);
    if (problems.length > 0) throw new ConfigError(problems);
  }

  show(names: readonly string[]): Printed {
    const blocks: string[] = [];
    const unknown: string[] = [];
    for (const name of names) {
      const found = this.#find(name);
      if (found.length === 0) unknown.push(this.#explain(name));
      for (const one of found) {
        blocks.push(`${[`${one.name}, USD per million tokens`, ...showPrices(one.prices, this.#atMs)].join("\n")}\n`);
      }
    }
    return {
      stdout: blocks.join("\n"),
      stderr: unknown.map((line) => `${line}\n`).join(""),
      exitCode: unknown.length === 0 ? EXIT.ok : EXIT.unknown,
    };
  }

  /** Every model of the configured providers that has a price. */
  list(): Printed {
    if (!this.#isConfigured) {
      const hint = "Name models, such as openai/gpt-4o, or a configuration, to list the models of its providers.";
      return { stdout: "", stderr: `${hint}\n\n${USAGE}`, exitCode: EXIT.misconfigured };
    }
    const lines = this.#lookUp(this.#names()).map(({ name, prices }) => showShort(name, prices, this.#atMs));
    const head = `${"USD per million tokens".padEnd(56)} ${"input".padStart(10)} ${"output".padStart(10)}  source`;
    return { stdout: [head, ...lines, ""].join("\n"), stderr: "", exitCode: EXIT.ok };
  }

  /** What a name means: a provider's model; an alias; a model of the catalogue; or a bare name, with any provider. */
  #find(name: string): readonly Found[] {
    const provider = name.slice(0, name.indexOf("/"));
    if (this.#providers.some((one) => one.name === provider)) return this.#lookUp([name]);
    const alias = this.#config.models[name];
    if (alias !== undefined) return this.#lookUp(alias.targets);
    const catalogued = this.#lookUp([name]);
    return catalogued.length > 0 ? catalogued : this.#lookUp(this.#sellers().map((seller) => `${seller}/${name}`));
  }

  /** The configured providers; without a configuration, one preset for each list of prices. */
  #sellers(): readonly string[] {
    const names = this.#providers.map(({ name }) => name);
    if (this.#isConfigured) return names;
    const lists = names.map((name) => CATALOGUE_PROVIDERS[name] ?? name);
    return names.filter((_, at) => lists.indexOf(lists[at] ?? "") === at);
  }

  #lookUp(names: readonly string[]): readonly Found[] {
    return names
      .map((name) => ({ name, prices: this.#prices.book.history(this.#query(name)) }))
      .filter(({ prices }) => prices.length > 0);
  }

  #query(name: string): PriceQuery {
    const slash = name.indexOf("/");
    const provider = name.slice(0, Math.max(slash, 0));
    const isConfigured = this.#providers.some((one) => one.name === provider);
    const catalogueProvider = isConfigured ? this.#prices.catalogueProviders.get(provider) : provider;
    return { provider, catalogueProvider, models: [name.slice(slash + 1)] };
  }

  #explain(name: string): string {
    const names = this.#lookUp(this.#names()).map((found) => found.name);
    const candidates = name.includes("/") ? names : new Set(names.map((one) => one.slice(one.indexOf("/") + 1)));
    const nearest = findNearest(name, [...candidates, ...Object.keys(this.#config.models)]);
    const hint = nearest.length === 0 ? "" : `; the nearest names are ${nearest.join(", ")}`;
    return `no price of ${JSON.stringify(name)} is known${hint}`;
  }

  /** `provider/model` of everything that the catalogue or the configuration has of the providers, sorted. */
  #names(): readonly string[] {
    const catalogued = [...this.#prices.catalogueProviders].flatMap(([name, id]) =>
      this.#prices.catalogue.modelIds(id).map((model) => `${name}/${model}`),
    );
    const configured = Object.keys(this.#config.prices).filter((name) => !name.endsWith("*"));
    return [...new Set([...catalogued, ...configured])].sort();
  }
}
