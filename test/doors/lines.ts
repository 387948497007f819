/** Streams on connections that can break: each on one of its own, with every message's bytes. */
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import type { Readable } from "node:stream";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import {
  StreamRequestSchema,
  type StreamResponse,
  StreamResponseSchema,
} from "../../gen/sluice/v1/gateway_service_pb.ts";
import type { TestGateway } from "../support/gateway.ts";
import { frame, portOf } from "./wire.ts";

const PATH = "/sluice.v1.GatewayService/Stream";

export interface Line {
  readonly requestId: string;
  /** The next event's bytes; undefined where the answer is over or broke off. */
  next(): Promise<Buffer | undefined>;
  /** All that still comes. */
  rest(): Promise<Buffer[]>;
  /** Name of the status that ended the answer, and its message. `ok` is empty. */
  status(): { readonly code: string; readonly message: string };
  /** The network goes away. */
  cut(): void;
  /** The caller says that it leaves; on HTTP/1.1 the same as `cut`. */
  cancel(): void;
}

export type Request = MessageInitShape<typeof StreamRequestSchema>;

type OpenLine = (gateway: TestGateway, request: Request, headers?: Readonly<Record<string, string>>) => Promise<Line>;

export interface LineDoor {
  readonly name: string;
  readonly open: OpenLine;
  readonly canReset: boolean;
}

export const lineDoors: readonly LineDoor[] = [
  {
    name: "gRPC",
    open: (gateway, ...rest) => openHttp2(gateway.grpcAddress, "application/grpc", ...rest),
    canReset: true,
  },
  {
    name: "Connect over HTTP/2",
    open: (gateway, ...rest) => openHttp2(gateway.httpAddress, "application/connect+proto", ...rest),
    canReset: true,
  },
  {
    name: "Connect over HTTP/1.1",
    open: (gateway, ...rest) => openHttp1(gateway.httpAddress, ...rest),
    canReset: false,
  },
];

export function eventOf(message: Buffer): StreamResponse {
  return fromBinary(StreamResponseSchema, message);
}

function toBody(request: Request): Buffer {
  return frame(toBinary(StreamRequestSchema, create(StreamRequestSchema, request)));
}

async function openHttp2(
  address: string,
  type: string,
  request: Request,
  headers: Readonly<Record<string, string>> = {},
): Promise<Line> {
  const socket = net.connect(portOf(address), "127.0.0.1");
  const session = http2.connect(`http://${address}`, { createConnection: () => socket });
  session.on("error", () => {});
  const body = session.request({ ":method": "POST", ":path": PATH, "content-type": type, te: "trailers", ...headers });
  body.on("error", () => {});
  let trailers: http2.IncomingHttpHeaders = {};
  body.on("trailers", (given) => {
    trailers = given;
    session.close();
  });
  body.end(toBody(request));
  const [answered] = (await once(body, "response")) as [http2.IncomingHttpHeaders];
  return toLine(String(answered["sluice-request-id"]), body, {
    trailers: () => (answered["grpc-status"] === undefined ? trailers : answered),
    cut: () => socket.destroy(),
    cancel: () => body.close(http2.constants.NGHTTP2_CANCEL),
    finish: () => session.destroy(),
  });
}

async function openHttp1(
  address: string,
  request: Request,
  headers: Readonly<Record<string, string>> = {},
): Promise<Line> {
  const sent = http.request({
    ...{ host: "127.0.0.1", port: portOf(address), path: PATH, method: "POST", agent: false },
    headers: { "content-type": "application/connect+proto", ...headers },
  });
  sent.on("error", () => {});
  sent.end(toBody(request));
  const [body] = (await once(sent, "response")) as [http.IncomingMessage];
  body.on("error", () => {});
  const cut = (): void => void body.destroy();
  return toLine(String(body.headers["sluice-request-id"]), body, {
    trailers: () => ({}),
    cut,
    cancel: cut,
    finish: cut,
  });
}

interface Ends {
  readonly trailers: () => http.IncomingHttpHeaders;
  readonly cut: () => void;
  readonly cancel: () => void;
  readonly finish: () => void;
}

function toLine(requestId: string, body: Readable, { trailers, cut, cancel, finish }: Ends): Line {
  const messages = readMessages(body);
  let ending: { code: string; message: string } | undefined;
  async function next(): Promise<Buffer | undefined> {
    const { value } = await messages.next();
    if (value === undefined) finish();
    else if ((value.flags & 2) !== 0) {
      const { error } = JSON.parse(value.message.toString()) as { error?: { code: string; message: string } };
      ending = { code: error?.code ?? "", message: error?.message ?? "" };
      return await next();
    }
    return value?.message;
  }
  return {
    requestId,
    next,
    async rest() {
      const all: Buffer[] = [];
      for (let message = await next(); message !== undefined; message = await next()) all.push(message);
      return all;
    },
    status: () => ending ?? grpcStatus(trailers()),
    cut,
    cancel,
  };
}

function grpcStatus(trailers: http.IncomingHttpHeaders): { code: string; message: string } {
  const code = trailers["grpc-status"];
  if (code === undefined) return { code: "cut", message: "" };
  if (code === "0") return { code: "", message: "" };
  const details = trailers["grpc-status-details-bin"];
  const { message } = fromBinary(StatusSchema, Buffer.from(String(details), "base64"));
  return { code: codes.get(String(code)) ?? String(code), message };
}

/** By Connect's names, as the HTTP door tells them. */
const codes = new Map([
  ["1", "canceled"],
  ["3", "invalid_argument"],
  ["4", "deadline_exceeded"],
  ["5", "not_found"],
  ["14", "unavailable"],
]);

interface Framed {
  readonly flags: number;
  readonly message: Buffer;
}

async function* readMessages(body: Readable): AsyncGenerator<Framed, undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of body) {
      bytes = Buffer.concat([bytes, chunk as Buffer]);
      while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
        const length = bytes.readUInt32BE(1);
        yield { flags: bytes.readUInt8(0), message: bytes.subarray(5, 5 + length) };
        bytes = bytes.subarray(5 + length);
      }
    }
  } catch {
    // Broken off: nothing more comes.
  }
  return undefined;
}
