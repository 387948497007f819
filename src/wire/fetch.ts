import { Agent, fetch as send } from "undici";
import { type ConnectionCounts, type ConnectionOptions, responseTooLarge } from "./send.ts";
import { explainConnectionError } from "./upstream-error.ts";

/** Error bodies are passed on to here; what is longer is no message. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Follows the requests of one call. What it throws ends the request, and comes out of `fetch` as it is. */
export interface FetchWatch {
  /** A request is about to be sent. */
  sends(url: URL): void;
  /** The head of an answer came. */
  came(status: number, headers: Headers): void;
}

/**
 * `fetch` for code of others that takes one as an option, with the bounds that the gateway's own requests have: on
 * connections, on the time to connect and on the size of answers. Redirects are not followed. A slow reader pauses the
 * upstream's socket; the request's signal closes it at once. Must be closed.
 */
export class FetchConnections {
  readonly #agent: Agent;
  readonly #maxResponseBytes: number;

  constructor(options: ConnectionOptions & { readonly maxResponseBytes: number }) {
    this.#maxResponseBytes = options.maxResponseBytes;
    this.#agent = new Agent({
      connections: options.maxConnections,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs },
      // The pipeline's own timers watch heads and bodies.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
    });
  }

  async fetch(address: string | URL, init: RequestInit | undefined, watch: FetchWatch): Promise<Response> {
    const url = new URL(address);
    watch.sends(url);
    const headers = new Headers(init?.headers);
    // What is compressed could come to far more than its bytes.
    headers.set("accept-encoding", "identity");
    const signal = init?.signal ?? undefined;
    // One type of two libraries: Node's declarations of fetch, and undici's.
    const options = { ...init, headers: [...headers], redirect: "manual", dispatcher: this.#agent };
    let response: Awaited<ReturnType<typeof send>>;
    try {
      response = await send(url, options as Parameters<typeof send>[1]);
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : explainConnectionError(error, false);
    }
    const head = new Headers([...response.headers]);
    try {
      watch.came(response.status, head);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    const body = response.body === null ? null : this.#bound(response.body, response.ok, signal);
    return new Response(body, { status: response.status, statusText: response.statusText, headers: head });
  }

  /** Connections to all origins together. */
  counts(): ConnectionCounts {
    const counts = { busy: 0, idle: 0, waiting: 0 };
    for (const stats of Object.values(this.#agent.stats)) {
      const free = "free" in stats ? stats.free : 0;
      counts.busy += Number(stats.connected) - free;
      counts.idle += free;
      counts.waiting += stats.pending;
    }
    return counts;
  }

  /** Closes every connection now, busy ones too. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** A success above the bound is an error; what is too long of a refusal is cut off. Pulled only as it is read. */
  #bound(body: ReadableStream<Uint8Array>, ok: boolean, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    const max = ok ? this.#maxResponseBytes : MAX_ERROR_BYTES;
    let left = max;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (done) return controller.close();
            left -= value.length;
            if (left >= 0) return controller.enqueue(value);
            if (ok) throw responseTooLarge(max);
            controller.enqueue(value.subarray(0, value.length + left));
            controller.close();
            await reader.cancel();
          } catch (error) {
            await reader.cancel(error).catch(() => {});
            throw signal?.aborted === true ? signal.reason : explainConnectionError(error, true);
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}
