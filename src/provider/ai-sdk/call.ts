import type { Clock } from "../../domain/clock.ts";
import { ErrorReason, type Usage } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { Batch, Delivery } from "../../domain/event.ts";
import type { FetchWatch } from "../../wire/fetch.ts";
import type { WireHead } from "../../wire/send.ts";
import { asRecord } from "../json.ts";
import { explainRedirect } from "../refusal.ts";
import { unsupported } from "../unsupported.ts";
import type { Upstream } from "../upstream.ts";
import { malformedAnswer } from "../upstream-failure.ts";
import { AiSdkDecoder } from "./decode.ts";
import { type EncodedCall, ownerOf } from "./encode.ts";
import { explain } from "./explain.ts";
import type { SdkCallOptions, SdkModel } from "./wire-types.ts";

export interface AiSdkCallOptions {
  /** Name of the provider, as configured. */
  readonly provider: string;
  /** Name of the model, as asked for. */
  readonly modelName: string;
  readonly model: SdkModel;
  readonly encoded: EncodedCall;
  readonly headers: Readonly<Record<string, string>>;
  readonly delivery: Delivery;
  readonly clock: Clock;
  /** Runs what makes requests, so that this watch follows them. */
  readonly watched: <T>(watch: FetchWatch, run: () => T) => T;
  readonly mintCallId: (n: number) => string;
  /** Takes the provider's secrets out of its words. */
  readonly conceal: (text: string) => string;
  /** The head of a success arrived. */
  readonly onHead: () => void;
}

const NO_EVENTS: Batch = [];
const ABANDONED = new GatewayError(ErrorReason.CANCELLED, "The answer is no longer wanted.");

/**
 * One call of a package's model, directly: none of the SDK's own retries stand between. Its requests go through the
 * gateway's connections.
 */
export class AiSdkCall implements Upstream, FetchWatch {
  readonly #options: AiSdkCallOptions;
  readonly #decoder: AiSdkDecoder;
  readonly #controller = new AbortController();
  /** The specification has one count. */
  readonly billed = undefined;
  #aborted: GatewayError | undefined;
  /** Ends the wait for the package, which may not listen to its signal. */
  #refuse: ((error: GatewayError) => void) | undefined;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;
  #closed = false;
  #head: WireHead | undefined;
  #waitedMs = 0;
  #waitsSince: number | undefined;

  constructor(options: AiSdkCallOptions) {
    const { provider, model, modelName, delivery, mintCallId, clock } = options;
    this.#options = options;
    this.#decoder = new AiSdkDecoder({
      provider,
      mintCallId,
      model: modelName,
      owner: ownerOf(model),
      version: model.version,
      whole: delivery === "unary",
      wallNow: clock.wallNow(),
    });
  }

  get usage(): Usage | undefined {
    return this.#decoder.usage;
  }

  get finishing(): boolean {
    return this.#decoder.finishing;
  }

  get waitedMs(): number {
    const since = this.#waitsSince;
    return this.#waitedMs + (since === undefined ? 0 : this.#options.clock.now() - since);
  }

  get head(): WireHead | undefined {
    return this.#head;
  }

  abort(error: GatewayError): void {
    this.#aborted ??= error;
    this.#controller.abort(error);
    this.#refuse?.(error);
  }

  /** Nothing leaves while there is something that the package has not looked at. */
  sends(): void {
    if (this.#options.encoded.asked.begun) this.#checkAsked();
  }

  came(status: number, headers: Headers): void {
    this.#head = { status, headers: Object.fromEntries(headers) };
    if (status >= 300 && status < 400) throw explainRedirect(status);
    if (status >= 200 && status < 300) this.#options.onHead();
  }

  async next(): Promise<Batch | undefined> {
    const { conceal, provider, modelName, clock, delivery } = this.#options;
    try {
      if (this.#closed) return undefined;
      if (delivery === "stream") return await this.#streamed();
      const result = await this.#ask((model, options) => model.doGenerate(options));
      const events = this.#decoder.pushWhole(result);
      this.close();
      return events;
    } catch (thrown) {
      this.close();
      if (this.#aborted !== undefined) throw this.#aborted;
      throw explain(thrown, { provider, model: modelName, wallNow: clock.wallNow() }).reworded(conceal);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Both: some packages hold streams of their own in between, which do not listen to the signal.
    this.#controller.abort(ABANDONED);
    this.#reader?.cancel(ABANDONED).catch(() => {});
  }

  /** Takes one part at a time, and only when it is wanted: a slow reader pauses the package, and that the upstream. */
  async #streamed(): Promise<Batch | undefined> {
    this.#reader ??= await this.#open();
    const reader = this.#reader;
    for (;;) {
      const { done, value } = await this.#unlessAborted(() => reader.read());
      const events = done ? NO_EVENTS : this.#decoder.push(value);
      if (events.length > 0) return events;
      if (!done && !this.#decoder.finishing) continue;
      const end = this.#decoder.finish();
      this.close();
      return end;
    }
  }

  async #open(): Promise<ReadableStreamDefaultReader<unknown>> {
    const stream = asRecord(await this.#ask((model, options) => model.doStream(options)))?.stream;
    if (!(stream instanceof ReadableStream)) throw malformedAnswer("no stream", "");
    return stream.getReader();
  }

  async #ask(run: (model: SdkModel, options: SdkCallOptions) => PromiseLike<unknown>): Promise<unknown> {
    const { model, encoded, headers, watched } = this.#options;
    const { options } = encoded;
    options.abortSignal = this.#controller.signal;
    options.headers = headers;
    const result = await this.#unlessAborted(() => watched(this, () => run(model, options)));
    // For packages that make no request through the connections that they were given.
    this.#checkAsked();
    return result;
  }

  #checkAsked(): void {
    const { provider, modelName, encoded } = this.#options;
    const field = encoded.asked.unread;
    if (field !== undefined) throw unsupported(field, { provider, model: modelName });
  }

  async #unlessAborted<T>(start: () => PromiseLike<T>): Promise<T> {
    this.#waitsSince = this.#options.clock.now();
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#refuse = reject;
        // A package may also throw at once, which a promise makes a rejection.
        if (this.#aborted === undefined) start().then(resolve, reject);
        else reject(this.#aborted);
      });
    } finally {
      this.#waitedMs += this.#options.clock.now() - this.#waitsSince;
      this.#waitsSince = undefined;
    }
  }
}
