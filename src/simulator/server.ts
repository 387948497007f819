import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type CallLog, createCallLog, type SimulatorCall } from "./calls.ts";
import { type Clock, systemClock } from "./clock.ts";
import { parseEmbeddingRequest } from "./embeddings.ts";
import { ApiError, errorBody } from "./errors.ts";
import { redirectPath } from "./faults/status.ts";
import { Reply } from "./reply.ts";
import { type ChatRequest, parseChatRequest } from "./request.ts";
import { describeModels, preparePlay } from "./script.ts";

export type { Clock } from "./clock.ts";
export { describeModels } from "./script.ts";

export interface SimulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, a free port. */
  readonly port?: number;
  /** Default the system's time. */
  readonly clock?: Clock;
  /** How many calls `calls` keeps, default 1000. */
  readonly keptCalls?: number;
  /** Gets a line for each call that has ended. */
  readonly log?: (line: Readonly<Record<string, unknown>>) => void;
}

export interface Simulator {
  /** The base URL for OpenAI clients, e.g. http://127.0.0.1:8081/v1. */
  readonly url: string;
  readonly port: number;
  /** The last calls, oldest first; requests of `/healthz` are not among them. */
  readonly calls: readonly SimulatorCall[];
  readonly openRequests: number;
  readonly openSockets: number;
  /** The next call whose request arrives from now on: ask first, then send. Rejects when the simulator closes before. */
  nextCall(): Promise<SimulatorCall>;
  /** Resolves when no request is open. */
  idle(): Promise<void>;
  /** Forgets the recorded calls, and what `flaky` and `fault.flapping` have counted. */
  reset(): void;
  /** Ends every call and socket. May be called more than once. */
  close(): Promise<void>;
}

interface House {
  readonly clock: Clock;
  readonly log: NonNullable<SimulatorOptions["log"]>;
  readonly calls: CallLog;
  readonly memory: Map<string, number>;
  /** Set once, by `close`: calls that end from then on have not been left by their clients. */
  closing: boolean;
}

/** Images and documents are large; more than this is a mistake. */
const maxRequestBytes = 256 * 1024 * 1024;

/** Where a model is asked, and how its request is read. */
const playing: ReadonlyMap<string, (body: unknown) => ChatRequest> = new Map([
  ["POST /v1/chat/completions", parseChatRequest],
  ["POST /v1/embeddings", parseEmbeddingRequest],
]);

const connectionClosed = new Error("The connection was closed.");

/** Starts a stand-in for an OpenAI-compatible upstream, whose behaviour is chosen by model name. */
export async function openSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = "127.0.0.1", port = 0, clock = systemClock, keptCalls = 1000, log = () => {} } = options;
  const house: House = {
    clock,
    log,
    calls: createCallLog(keptCalls),
    memory: new Map(),
    closing: false,
  };
  const sockets = new Set<Socket>();
  // No time limits: a socket that the server closed while idle would look like a fault to the client that reuses it.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
    void serve(house, request, response);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;

  async function stop(): Promise<void> {
    house.closing = true;
    house.calls.stop();
    const stopped = new Promise<unknown>((resolve) => server.close(resolve));
    // The server says that it is closed when its sockets are destroyed, which is before they have told their calls.
    const ended = [...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all([stopped, ...ended]);
  }

  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}/v1`,
    port: bound,
    calls: house.calls.calls,
    get openRequests() {
      return house.calls.open;
    },
    get openSockets() {
      return sockets.size;
    },
    nextCall: () => house.calls.next(),
    idle: () => house.calls.idle(),
    reset() {
      house.calls.clear();
      house.memory.clear();
    },
    close() {
      closed ??= stop();
      return closed;
    },
  };
}

/** Never rejects: whatever goes wrong ends in an answer or in a closed socket. */
async function serve(house: House, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  const reply = new Reply(response, request.socket, left.signal);
  response.on("close", () => left.abort(connectionClosed));
  response.on("error", () => {});
  try {
    await answer(house, request, response, reply);
  } catch (error) {
    if (reply.signal.aborted) return;
    if (reply.headSent) {
      house.log({ msg: "a behaviour failed", error: String(error) });
      reply.reset();
      return;
    }
    const known = error instanceof ApiError ? error : undefined;
    reply.sendJson(known?.status ?? 500, known?.toBody() ?? errorBody(String(error), { type: "server_error" }));
  }
}

async function answer(house: House, request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  const path = (request.url ?? "").replace(/\?.*$/s, "");
  const route = `${request.method} ${path}`;
  if (route === "GET /healthz") {
    reply.sendJson(200, { status: "ok" });
    return;
  }
  const startedAtMs = house.clock.nowMs();
  const { socket } = request;
  const bytesBefore = socket.bytesWritten;
  const body = bodyOf(await readText(request));
  const model = modelOf(body);
  const facts = { method: request.method ?? "", path, headers: request.headers, model, body, startedAtMs };
  const bytesWritten = () => socket.bytesWritten - bytesBefore;
  const { call, close } = house.calls.add(facts, bytesWritten);
  const ended = () => {
    const early = !(reply.endedHere || house.closing);
    const atMs = house.clock.nowMs();
    close({ early, atMs, bytesWritten: bytesWritten() });
    house.log({
      msg: "call",
      number: call.number,
      path,
      model,
      status: response.statusCode,
      early,
      ms: atMs - startedAtMs,
    });
  };
  // A client may leave as soon as it has sent its request, before anybody listens.
  if (response.closed) ended();
  else response.on("close", ended);

  const parse = playing.get(route);
  if (parse !== undefined) {
    const { memory, clock } = house;
    const { authorization } = request.headers;
    const chat = parse(body);
    const play = preparePlay(chat.model);
    await play({ number: call.number, authorization, request: chat, reply, clock, memory });
    return;
  }
  if (route === "GET /v1/models") {
    const data = describeModels().map(({ name, ...rest }) => ({
      id: name,
      object: "model",
      created: 0,
      owned_by: "simulator",
      ...rest,
    }));
    reply.sendJson(200, { object: "list", data });
    return;
  }
  if (path === redirectPath) {
    reply.sendJson(200, { redirected: true });
    return;
  }
  throw new ApiError(
    404,
    `There is no ${route}; there are ${[...playing.keys()].join(", ")}, GET /v1/models and GET /healthz.`,
  );
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxRequestBytes) throw new ApiError(413, `A request may have ${maxRequestBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What is no JSON stays text, which the chat request then refuses. */
function bodyOf(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function modelOf(body: unknown): string | undefined {
  const model = typeof body === "object" && body !== null && "model" in body ? body.model : undefined;
  return typeof model === "string" ? model : undefined;
}
