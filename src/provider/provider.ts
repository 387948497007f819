import type { Call } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import type { EmbeddingInput, Prompt } from "../domain/contract.ts";
import type { Secret } from "../domain/secret.ts";
import type { AttemptTarget, AttemptWatch } from "../domain/watch.ts";
import { type ConnectionCounts, type ConnectionOptions, Connections } from "../wire/send.ts";
import type { Continuation, Dialect, EncodedRequest } from "./dialect.ts";
import type { Keys } from "./keys.ts";
import type { KeyHeader } from "./presets.ts";
import { noVectors } from "./unsupported.ts";
import type { BoundEmbedder, Counting, SendWhole, UpstreamProvider } from "./upstream.ts";
import { UpstreamCall } from "./upstream-call.ts";
import {
  type Authorize,
  type ResponseLimits,
  UpstreamRequest,
  type UpstreamRequestOptions,
} from "./upstream-request.ts";

export interface ProviderOptions extends ConnectionOptions {
  /** As callers and logs name it. */
  readonly name: string;
  /** The vendor's name in the OpenTelemetry GenAI conventions. */
  readonly vendor: string;
  /** Who sets its prices, in the price catalogue's words; undefined where nobody known does. */
  readonly catalogueProvider: string | undefined;
  /** Upstream hears of the caller's trace. */
  readonly propagatesTrace: boolean;
  readonly dialect: Dialect;
  /** Address before the dialect's own path. */
  readonly baseUrl: string;
  readonly key: Secret | undefined;
  /** Instead of `key`, where there are several. */
  readonly keys?: Keys | undefined;
  readonly keyHeader: KeyHeader;
  /** Instead of a key: signs each request. */
  readonly authorize?: Authorize | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Azure's way with deployments: the version goes into the query, the model into most dialects' paths. */
  readonly apiVersion: string | undefined;
  readonly limits: ResponseLimits;
  readonly clock: Clock;
}

/** A configured place to send calls to: a dialect, an address, a key and the connections. Must be closed. */
export class Provider implements UpstreamProvider<EncodedRequest> {
  readonly name: string;
  readonly catalogueProvider: string | undefined;
  readonly keys: Keys | undefined;
  readonly #host: string;
  readonly #port: number;
  readonly #options: ProviderOptions;
  readonly #connections: Connections;
  readonly #basePath: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #allHeaders = new WeakMap<EncodedRequest["headers"], Readonly<Record<string, string>>>();

  constructor(options: ProviderOptions) {
    const url = new URL(options.baseUrl);
    this.name = options.name;
    this.catalogueProvider = options.catalogueProvider;
    this.keys = options.keys;
    this.#host = url.hostname;
    this.#port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    this.#options = options;
    this.#basePath = url.pathname.replace(/\/+$/, "");
    this.#connections = new Connections(url.origin, options);
    this.#headers = {
      ...options.headers,
      "accept-encoding": "identity",
      ...(options.key === undefined || options.keys !== undefined ? {} : toKeyHeaders(options.keyHeader, options.key)),
      "user-agent": "sluice",
    };
  }

  /** What telemetry says of an attempt at this model. */
  describe(model: string): AttemptTarget {
    return { provider: this.name, vendor: this.#options.vendor, model, host: this.#host, port: this.#port };
  }

  /** Connections now: with a request, without one; and requests that wait for one. */
  connections(): ConnectionCounts {
    return this.#connections.counts();
  }

  /**
   * Encodes the call's prompt. Throws `FEATURE_UNSUPPORTED` or `INVALID_REQUEST` before a byte leaves; and what is
   * wrong with its keys, where none may be used now.
   */
  encode(call: Call, model: string, continues: boolean): EncodedRequest {
    this.keys?.demand();
    return this.#options.dialect.encode(call.prompt, { provider: this.name, model }, call.delivery, continues);
  }

  /** How this model goes on with an answer that was begun; undefined where it is not known to. */
  continuation(model: string): Continuation | undefined {
    const found = this.#options.dialect.continuation?.(model);
    return this.#basePath.endsWith(found?.baseEndsWith ?? "") ? found : undefined;
  }

  /** How vectors of this model are made. Throws `FEATURE_UNSUPPORTED` where the provider has none. */
  embedder(input: EmbeddingInput, model: string): BoundEmbedder {
    this.keys?.demand();
    const { embedder } = this.#options.dialect;
    const target = { provider: this.name, model };
    if (embedder === undefined) throw noVectors(target);
    return {
      limits: embedder.limits(model),
      prepare: (texts) => this.#whole(model, embedder.encode(input, texts, target)),
      decode: (answer, texts) => embedder.decode(answer, texts),
    };
  }

  /** How the provider counts this prompt; undefined where it does not. Throws where the model cannot take the prompt. */
  counter(prompt: Prompt, model: string): Counting | undefined {
    const { dialect } = this.#options;
    const { counter } = dialect;
    const target = { provider: this.name, model };
    if (counter === undefined) {
      dialect.encode(prompt, target, "unary");
      return undefined;
    }
    this.keys?.demand();
    const request = counter.encode(prompt, target);
    return request && { send: this.#whole(model, request), decode: (answer) => counter.decode(answer) };
  }

  /** A call that is ready to be sent. */
  prepare(
    call: Call,
    model: string,
    encoded: EncodedRequest,
    watch: Pick<AttemptWatch, "headers">,
    onHead: () => void,
  ): UpstreamCall {
    return new UpstreamCall({
      ...this.#request(model, encoded, watch),
      model,
      onHead,
      delivery: call.delivery,
      mintCallId: (n) => `call_${call.id.replaceAll("-", "").slice(-12)}_${n}`,
    });
  }

  #whole(model: string, encoded: EncodedRequest): SendWhole {
    return (watch) => new UpstreamRequest(this.#request(model, encoded, watch));
  }

  /** With the trace's headers, where the provider is to hear of it. */
  #request(model: string, encoded: EncodedRequest, watch: Pick<AttemptWatch, "headers">): UpstreamRequestOptions {
    const { dialect, clock, limits, propagatesTrace, authorize, keyHeader } = this.#options;
    const keyUse = this.keys?.take();
    const own = this.#withOwnHeaders(encoded.headers);
    const headers = keyUse === undefined ? own : { ...own, ...toKeyHeaders(keyHeader, keyUse.secret) };
    return {
      dialect,
      clock,
      limits,
      authorize,
      keyUse,
      connections: this.#connections,
      request: {
        path: this.#basePath + this.#path(encoded, model),
        headers: propagatesTrace ? { ...headers, ...watch.headers } : headers,
        body: encoded.body,
      },
      conceal: this.#conceal,
    };
  }

  /** A dialect's headers are the same object for all requests of a kind. */
  #withOwnHeaders(given: EncodedRequest["headers"]): Readonly<Record<string, string>> {
    let headers = this.#allHeaders.get(given);
    if (headers === undefined) {
      headers = { ...given, ...this.#headers };
      this.#allHeaders.set(given, headers);
    }
    return headers;
  }

  readonly #conceal = (text: string): string => {
    if (this.keys !== undefined) return this.keys.conceal(text);
    const key = this.#options.key?.reveal();
    return key === undefined ? text : text.replaceAll(key, "[redacted]");
  };

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #path({ path, outsideDeployments }: EncodedRequest, model: string): string {
    const { apiVersion } = this.#options;
    if (apiVersion === undefined) return path;
    const deployment = outsideDeployments === true ? "" : `/deployments/${encodeURIComponent(model)}`;
    return `${deployment}${path}?api-version=${encodeURIComponent(apiVersion)}`;
  }
}

function toKeyHeaders(keyHeader: KeyHeader, key: Secret): Record<string, string> {
  return { [keyHeader]: keyHeader === "authorization" ? `Bearer ${key.reveal()}` : key.reveal() };
}
