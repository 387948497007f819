import { AsyncLocalStorage } from "node:async_hooks";
import type { Call } from "../../domain/call.ts";
import type { Clock } from "../../domain/clock.ts";
import { type EmbeddingInput, ErrorReason, type Prompt } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { Secret } from "../../domain/secret.ts";
import type { AttemptTarget, AttemptWatch } from "../../domain/watch.ts";
import { FetchConnections, type FetchWatch } from "../../wire/fetch.ts";
import type { ConnectionCounts, ConnectionOptions } from "../../wire/send.ts";
import { noVectors } from "../unsupported.ts";
import type { Upstream, UpstreamProvider } from "../upstream.ts";
import type { ResponseLimits } from "../upstream-request.ts";
import { AiSdkCall } from "./call.ts";
import { type EncodedCall, encode, optionsNameOf } from "./encode.ts";
import { explain } from "./explain.ts";
import { type Factory, type FindModel, modelsOf, toModel } from "./package.ts";
import type { SdkModel } from "./wire-types.ts";

export interface AiSdkProviderOptions extends ConnectionOptions {
  /** As callers and logs name it. */
  readonly name: string;
  /** The vendor's name in the OpenTelemetry GenAI conventions. */
  readonly vendor: string;
  readonly catalogueProvider: string | undefined;
  readonly propagatesTrace: boolean;
  readonly factory: Factory;
  /** For the factory, beside what else stands here. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, Secret>>;
  /** Name under which the package reads options; undefined where its own name is that. */
  readonly optionsName: string | undefined;
  /** Empty where the package knows it. */
  readonly baseUrl: string;
  readonly key: Secret | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: ResponseLimits;
  readonly clock: Clock;
}

/** A model and a call of it. */
interface Encoded extends EncodedCall {
  readonly model: SdkModel;
}

/** Factories that must be told what to call themselves; the others know. */
const NAMELESS: ReadonlySet<string> = new Set(["createOpenAICompatible"]);

/** Packages put names of models into addresses as they are: these would lead elsewhere. */
const ADDRESS_LIKE = /(^|\/)\.{1,2}(\/|$)|[\\?#%\s\p{Cc}]/u;

function noModel(message: string): GatewayError {
  return new GatewayError(ErrorReason.UPSTREAM_MODEL_NOT_FOUND, message);
}

/** Nobody follows a request that a package makes for itself. */
const UNWATCHED: FetchWatch = { sends: () => {}, came: () => {} };

/** A provider whose wire an AI SDK package speaks. The package's requests go through the gateway's connections. */
export class AiSdkProvider implements UpstreamProvider<Encoded> {
  readonly name: string;
  readonly catalogueProvider: string | undefined;
  readonly #options: AiSdkProviderOptions;
  readonly #connections: FetchConnections;
  readonly #watches = new AsyncLocalStorage<FetchWatch>();
  readonly #findModel: FindModel;
  readonly #secrets: readonly Secret[];

  /** Throws what the factory does. */
  constructor(options: AiSdkProviderOptions) {
    const { name, key, secrets, baseUrl, limits } = options;
    this.name = name;
    this.catalogueProvider = options.catalogueProvider;
    this.#options = options;
    this.#secrets = [...Object.values(secrets), ...(key === undefined ? [] : [key])];
    this.#connections = new FetchConnections({ ...options, maxResponseBytes: limits.maxResponseBytes });
    const sdk = options.factory.create({
      ...(NAMELESS.has(options.factory.name) ? { name } : {}),
      ...options.options,
      ...Object.fromEntries(Object.entries(secrets).map(([option, secret]) => [option, secret.reveal()])),
      ...(key === undefined ? {} : { apiKey: key.reveal() }),
      ...(baseUrl === "" ? {} : { baseURL: baseUrl }),
      fetch: this.#fetch,
    });
    this.#findModel = modelsOf(sdk);
  }

  describe(model: string): AttemptTarget {
    const { vendor, baseUrl } = this.#options;
    const { hostname, port, protocol } = new URL(baseUrl === "" ? "https://package.invalid" : baseUrl);
    return {
      provider: this.name,
      vendor,
      model,
      host: baseUrl === "" ? "" : hostname,
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    };
  }

  connections(): ConnectionCounts {
    return this.#connections.counts();
  }

  encode({ prompt }: Pick<Call, "prompt">, model: string): Encoded {
    const target = { provider: this.name, model };
    const found = this.#model(model);
    const encoded = encode(prompt, target, found, this.#options.optionsName ?? optionsNameOf(found));
    return { ...encoded, model: found };
  }

  /** Packages do not say which of their models go on with an answer. */
  continuation(): undefined {}

  /** Language models are all that is used of packages. */
  embedder(_: EmbeddingInput, model: string): never {
    throw noVectors({ provider: this.name, model });
  }

  /** Packages count nothing. */
  counter(prompt: Prompt, model: string): undefined {
    this.encode({ prompt }, model);
  }

  prepare(
    call: Call,
    model: string,
    encoded: Encoded,
    watch: Pick<AttemptWatch, "headers">,
    onHead: () => void,
  ): Upstream {
    const { clock, headers, propagatesTrace } = this.#options;
    return new AiSdkCall({
      provider: this.name,
      modelName: model,
      model: encoded.model,
      encoded,
      headers: { ...(propagatesTrace ? watch.headers : {}), ...headers },
      delivery: call.delivery,
      clock,
      onHead,
      watched: (follow, run) => this.#watches.run(follow, run),
      conceal: this.#conceal,
      mintCallId: (n) => `call_${call.id.replaceAll("-", "").slice(-12)}_${n}`,
    });
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #model(name: string): SdkModel {
    if (ADDRESS_LIKE.test(name)) throw noModel(`${this.name} has no model of that name.`);
    let found: unknown;
    try {
      found = this.#findModel(name);
    } catch (error) {
      const failed = { provider: this.name, model: name, wallNow: this.#options.clock.wallNow() };
      throw explain(error, failed).reworded(this.#conceal);
    }
    try {
      return toModel(found);
    } catch (error) {
      throw noModel(`${this.name}/${name} cannot be used: ${error instanceof Error ? error.message : "it throws"}.`);
    }
  }

  readonly #fetch = (input: string | URL, init?: RequestInit): Promise<Response> =>
    this.#connections.fetch(input, init, this.#watches.getStore() ?? UNWATCHED);

  readonly #conceal = (text: string): string =>
    this.#secrets.reduce((concealed, secret) => concealed.replaceAll(secret.reveal(), "[redacted]"), text);
}
