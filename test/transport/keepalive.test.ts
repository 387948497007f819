/** HTTP/2 connections of the HTTP door that fall silent: those whose peer is gone end, the others do not notice. */
import { EventEmitter, once } from "node:events";
import type * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/domain/clock.ts";
import { type HttpServer, openHttpServer } from "../../src/transport/http-server.ts";

const SILENCE_MS = 60;
const PONG_MS = 60;

/** Preface, empty settings, and one request that asks for an answer: what a peer sends before it vanishes. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** HEADERS with END_STREAM and END_HEADERS: GET / http, by HPACK's static table, and the authority "a". */
const REQUEST = Buffer.from([0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 0x01, 0x61]);

let server: HttpServer;
/** Emits `request` with each request's response, which nobody but the test ends. */
let arrivals: EventEmitter;

beforeEach(async () => {
  arrivals = new EventEmitter();
  server = await openHttpServer({
    address: { host: "127.0.0.1", port: 0 },
    tls: undefined,
    maxStreamsPerConnection: 100,
    maxHeaderBytes: 65_536,
    clock: systemClock,
    keepalive: { silenceMs: SILENCE_MS, pongMs: PONG_MS },
    onRequest: (_, response) => arrivals.emit("request", response),
  });
});

afterEach(() => server.close());

test("a peer that answers no ping is cut off, and its request with it", async () => {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  const arrival = once(arrivals, "request");
  const connectedAt = performance.now();
  socket.write(Buffer.concat([PREFACE, SETTINGS, REQUEST]));
  const [response] = (await arrival) as [http.ServerResponse];
  await Promise.all([once(response, "close"), once(socket, "close")]);
  expect(response.writableFinished).toBe(false);
  expect(performance.now() - connectedAt).toBeGreaterThan(SILENCE_MS + PONG_MS - 5);
});

test("a peer that answers pings keeps its connection, and its request that waits", async () => {
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  try {
    const arrival = once(arrivals, "request");
    const stream = session.request({ ":path": "/" });
    const [response] = (await arrival) as [http.ServerResponse];
    for (let ping = 0; ping < 4; ping++) await once(session, "ping");
    response.end("late");
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect([String(Buffer.concat(chunks)), session.destroyed]).toEqual(["late", false]);
  } finally {
    session.destroy();
  }
});
