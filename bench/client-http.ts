import { createParser } from "eventsource-parser";
import { type Dispatcher, Pool } from "undici";
import { type Client, type Held, incomplete } from "./client.ts";
import { toBody } from "./contract.ts";

interface Chunk {
  readonly choices: readonly [{ readonly delta: { readonly content?: string } }?];
}

/** Calls over HTTP/1.1, as many connections as calls at once. */
export function createHttpClient(address: string): Client {
  const pool = new Pool(`http://${address}`, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

  const send = (model: string, stream: boolean): Promise<Dispatcher.ResponseData> =>
    pool.request({
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-type": "application/json" },
      body: toBody(model, stream),
    });

  return {
    async unary(model) {
      const { statusCode, body } = await send(model, false);
      const answer = (await body.json()) as { readonly choices?: readonly unknown[] };
      if (statusCode !== 200 || answer.choices?.length !== 1) throw new Error(`an answer of status ${statusCode}`);
    },

    async stream(model, tokens) {
      const startedAt = performance.now();
      const { body } = await send(model, true);
      let firstMs = 0;
      let texts = 0;
      let whole = false;
      const parser = createParser({
        onEvent: ({ data }) => {
          if (data === "[DONE]") whole = true;
          else if (hasText(data) && ++texts === 1) firstMs = performance.now() - startedAt;
        },
      });
      const decoder = new TextDecoder();
      for await (const chunk of body as AsyncIterable<Buffer>) parser.feed(decoder.decode(chunk, { stream: true }));
      if (!whole || texts !== tokens) throw incomplete(texts, tokens);
      return firstMs;
    },

    async hold(model) {
      const { body } = await send(model, true);
      return new Promise<Held>((resolve, reject) => {
        const parser = createParser({
          onEvent: ({ data }) => {
            if (hasText(data)) resolve({ release: () => body.destroy() });
          },
        });
        body.on("data", (chunk: Buffer) => parser.feed(chunk.toString("utf8")));
        body.on("error", reject);
      });
    },

    close: () => pool.destroy(),
  };
}

function hasText(data: string): boolean {
  return data !== "[DONE]" && ((JSON.parse(data) as Chunk).choices[0]?.delta.content ?? "") !== "";
}
