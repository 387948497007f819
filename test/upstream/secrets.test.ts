/** I7: the provider's key reaches the provider and nobody else, whatever the provider says. */
import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { answerWith } from "./raw.ts";
import { type Delivery, type Door, run, serve } from "./support.ts";

const keys = ["sk-canary-0123456789abcdef0123", "house-canary-7c1e55", "canary+/=~!@#$%^&*()"];

type Echo = (authorization: string, key: string) => { status: number; type: string; body: string };

const failure = (message: string) => JSON.stringify({ error: { message, type: "x" } });

const echoes: Readonly<Record<string, Echo>> = {
  "a 400 that quotes the header": (authorization) => ({
    status: 400,
    type: "application/json",
    body: failure(`Malformed header: authorization: ${authorization}`),
  }),
  "a 401 that quotes the key": (_, key) => ({
    status: 401,
    type: "application/json",
    body: failure(`No such key ${key}`),
  }),
  "a 403 that quotes the key": (_, key) => ({ status: 403, type: "application/json", body: failure(`${key} may not`) }),
  "a 500 that quotes the key in quotation marks": (_, key) => ({
    status: 500,
    type: "application/json",
    body: failure(`{"headers":{"authorization":"${key}"}}`),
  }),
  "a 503 whose page shows the request": (authorization) => ({
    status: 503,
    type: "text/html",
    body: `<html><title>${authorization}</title></html>`,
  }),
  "a 200 whose page shows the request": (authorization) => ({
    status: 200,
    type: "text/html",
    body: `<html><title>Request: ${authorization}</title></html>`,
  }),
  "a 200 that is no answer but the key": (_, key) => ({ status: 200, type: "application/json", body: `["${key}"]` }),
  "a 200 with an error that quotes the key": (_, key) => ({
    status: 200,
    type: "application/json",
    body: failure(`The key ${key} is overloaded`),
  }),
};

/** Everything of an error that travels to the caller. */
function told(error: ConnectError): string {
  const values = error.details.map((detail) => ("value" in detail ? Buffer.from(detail.value as Uint8Array) : ""));
  const trailers = [...error.metadata].map(([name, value]) => `${name}: ${value}`);
  return [error.message, ...values.map((value) => value.toString("utf8")), ...trailers].join("\n");
}

describe.each(Object.entries(echoes))("%s", (_, echo) => {
  test.each(keys)("tells no caller and no log of %s", async (key) => {
    const received: string[] = [];
    const upstream = await answerWith((request, response) => {
      const authorization = String(request.headers.authorization);
      received.push(authorization);
      const { status, type, body } = echo(authorization, key);
      response.writeHead(status, { "content-type": type });
      response.end(body);
    });
    const provider = { base_url: `http://127.0.0.1:${upstream.port}/v1`, api_key: "env:HOUSE_KEY" };
    const gateway = await serve({ providers: { house: provider } }, { environment: { HOUSE_KEY: key } });
    const errors: ConnectError[] = [];
    const ways: [Delivery, Door][] = [
      ["unary", "client"],
      ["stream", "connectClient"],
    ];
    for (const [delivery, door] of ways) {
      await run(gateway, delivery, "house/m", { door, onError: (error) => errors.push(error) });
    }
    expect(new Set(received)).toEqual(new Set([`Bearer ${key}`]));
    expect(errors.length).toBe(2);
    expect(errors.map(told).filter((text) => text.includes(key))).toEqual([]);
    expect(JSON.stringify(gateway.logged)).not.toContain(JSON.stringify(key).slice(1, -1));
  });
});
