/** A collector for tests: speaks OTLP by gRPC or by HTTP on a free port, and keeps what it is sent. */
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import { type ReceivedSpan, readSpans, type WireTraces } from "./span.ts";

export interface OtlpReceiver {
  readonly url: string;
  /** In the order in which they ended. */
  readonly spans: readonly ReceivedSpan[];
  /** Names of the metrics that came. */
  readonly metrics: ReadonlySet<string>;
  /** Requests so far, by `traces` and `metrics`. */
  readonly requests: { readonly traces: number; readonly metrics: number };
  /** Everything that came, as JSON: to look for what must not be in it. */
  readonly text: string;
  /** Resolves once a request has come, if none has yet. */
  readonly asked: Promise<void>;
  close(): Promise<void>;
}

export interface OtlpReceiverOptions {
  /** Which protocol it speaks; by HTTP, it reads protobuf and JSON by their content type. Default gRPC. */
  readonly protocol?: "grpc" | "http";
  /** Accepts everything and never answers. */
  readonly stalls?: boolean;
  /** Of HTTP only. Default: a free one. */
  readonly port?: number;
}

interface WireMetrics {
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics?: readonly { readonly metrics?: readonly { readonly name: string }[] }[];
  }[];
}

type Signal = "traces" | "metrics";

const services: { readonly [S in Signal]: grpc.ServiceDefinition } = {
  traces: load("trace.proto", "opentelemetry.proto.collector.trace.v1.TraceService"),
  metrics: load("metrics.proto", "opentelemetry.proto.collector.metrics.v1.MetricsService"),
};

function load(file: string, service: string): grpc.ServiceDefinition {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return loadSync(path, { longs: String })[service] as grpc.ServiceDefinition;
}

/** Opens a collector. Close it in the end. */
export async function openOtlpReceiver({
  protocol = "grpc",
  stalls = false,
  port: wanted = 0,
}: OtlpReceiverOptions = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics = new Set<string>();
  const requests = { traces: 0, metrics: 0 };
  const texts: string[] = [];
  const asked = Promise.withResolvers<void>();
  const take = (signal: Signal, message: object): void => {
    requests[signal]++;
    asked.resolve();
    texts.push(JSON.stringify(message));
    if (signal === "traces") spans.push(...readSpans(message as WireTraces));
    else for (const name of metricNames(message as WireMetrics)) metrics.add(name);
  };
  const listening = await (protocol === "grpc" ? listenGrpc(take, stalls) : listenHttp(take, stalls, wanted));
  return {
    url: `http://127.0.0.1:${listening.port}`,
    spans,
    metrics,
    requests,
    get text() {
      return texts.join("\n");
    },
    asked: asked.promise,
    close: () => listening.close(),
  };
}

type Take = (signal: Signal, message: object) => void;

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

async function listenGrpc(take: Take, stalls: boolean): Promise<Listening> {
  const server = new grpc.Server();
  for (const signal of ["traces", "metrics"] as const) {
    server.addService(services[signal], {
      Export(call: grpc.ServerUnaryCall<object, object>, answer: grpc.sendUnaryData<object>) {
        take(signal, call.request);
        if (!stalls) answer(null, {});
      },
    });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    close: async () => server.forceShutdown(),
  };
}

async function listenHttp(take: Take, stalls: boolean, port: number): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const signal = /^\/v1\/(traces|metrics)$/.exec(request.url ?? "")?.[1] as Signal | undefined;
      if (signal === undefined || request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      const sent = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      const json = request.headers["content-type"] === "application/json";
      const method = services[signal].Export as MethodDefinition<object, object>;
      take(signal, json ? (JSON.parse(body.toString("utf8")) as object) : method.requestDeserialize(body));
      if (stalls) return;
      response.writeHead(200, { "content-type": json ? "application/json" : "application/x-protobuf" });
      response.end(json ? "{}" : undefined);
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function* metricNames({ resourceMetrics = [] }: WireMetrics): Generator<string> {
  for (const { scopeMetrics = [] } of resourceMetrics) {
    for (const { metrics = [] } of scopeMetrics) for (const { name } of metrics) yield name;
  }
}
