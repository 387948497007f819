/** Upstreams whose answers a test scripts, and the services besides the gateway's own through every door. */
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import type { TestGateway } from "../support/gateway.ts";
import { answerWith } from "./raw.ts";

export const doors = ["grpc", "connect", "web"] as const;

/** A client of another service at this door. */
export function clientOf<S extends DescService>(
  { grpcAddress, httpAddress }: TestGateway,
  service: S,
  door: (typeof doors)[number] = "grpc",
): Client<S> {
  const http = { baseUrl: `http://${httpAddress}`, httpVersion: "1.1" } as const;
  const transports = {
    grpc: () => createGrpcTransport({ baseUrl: `http://${grpcAddress}` }),
    connect: () => createConnectTransport({ ...http, useBinaryFormat: false }),
    web: () => createGrpcWebTransport(http),
  };
  return createClient(service, transports[door]());
}

/** A request as an upstream got it. */
export interface Asked {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves once its answer was sent, or its socket closed. */
  readonly closed: Promise<"answered" | "left">;
}

/** What to answer: a status with a body as JSON. Never, where the script never says. */
export type Reply = readonly [status: number, body: unknown, headers?: Readonly<Record<string, string>>];

export interface Scripted {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** An upstream that answers as it is told, given the request's body and its number, from 0. */
export async function script(answer: (body: Asked["body"], n: number) => Reply | Promise<Reply>): Promise<Scripted> {
  const asked: Asked[] = [];
  const upstream = await answerWith((request, response, text) => {
    const closed = Promise.withResolvers<"answered" | "left">();
    const body = JSON.parse(text) as Asked["body"];
    response.on("close", () => closed.resolve(response.writableFinished ? "answered" : "left"));
    asked.push({ path: request.url ?? "", headers: request.headers, body, closed: closed.promise });
    void Promise.resolve(answer(body, asked.length - 1)).then(([status, reply, headers = {}]) => {
      if (response.destroyed) return;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(reply));
    });
  });
  return { url: `http://127.0.0.1:${upstream.port}`, asked };
}

/** Never answers. */
export const silent = (): Promise<Reply> => new Promise(() => {});
