/**
 * The least that a gRPC relay of this contract can do, on the gateway's own libraries: a process that tells what the
 * gateway's features cost. No validation, routing, retries, timeouts, logging or records; but it decodes every
 * chunk, stops the upstream for a slow reader, and lets go of it when the caller leaves.
 */
import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { createParser } from "eventsource-parser";
import { type Dispatcher, Pool } from "undici";
import type {
  CompleteRequest,
  CompleteResponse,
  StreamRequest,
  StreamResponse,
} from "../gen/sluice/v1/gateway_service_pb.ts";
import type { Usage } from "../gen/sluice/v1/usage_pb.ts";
import { service } from "./contract.ts";

/** What of an upstream's answer or chunk is looked at. */
interface Completion {
  readonly id: string;
  readonly model: string;
  readonly choices: readonly [
    { readonly message?: { readonly content: string }; readonly delta?: { readonly content?: string } }?,
  ];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
}

const { values } = parseArgs({ options: { upstream: { type: "string" } } });
const upstream = new URL(values.upstream ?? "");
const path = `${upstream.pathname}/chat/completions`;
const pool = new Pool(upstream.origin, { connections: 2000, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

const STOP = 1;

function toOptions({ prompt }: CompleteRequest | StreamRequest, stream: boolean): Dispatcher.DispatchOptions {
  const model = prompt?.model ?? "";
  const body = {
    model: model.slice(model.indexOf("/") + 1),
    messages: prompt?.messages.map(({ role, parts }) => ({
      role: role === 1 ? "system" : "user",
      content: parts[0]?.content.value,
    })),
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    max_tokens: prompt?.maxOutputTokens,
    temperature: prompt?.temperature,
  };
  return { method: "POST", path, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function refuseFailure(controller: Dispatcher.DispatchController, status: number): void {
  if (status !== 200) controller.abort(new Error(`the upstream answered ${status}`));
}

function toUsage(usage: Completion["usage"]): { usage?: Usage } {
  if (usage === undefined || usage === null) return {};
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = usage;
  return { usage: { $typeName: "sluice.v1.Usage", inputTokens, outputTokens, estimated: false } };
}

function complete(
  call: grpc.ServerUnaryCall<CompleteRequest, CompleteResponse>,
  respond: grpc.sendUnaryData<CompleteResponse>,
): void {
  const chunks: Buffer[] = [];
  pool.dispatch(toOptions(call.request, false), {
    onRequestStart: (controller) => call.once("cancelled", () => controller.abort(new Error("cancelled"))),
    onResponseStart: refuseFailure,
    onResponseData: (_controller, chunk) => chunks.push(chunk),
    onResponseEnd: () => {
      const answer = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Completion;
      const text = answer.choices[0]?.message?.content ?? "";
      respond(null, {
        $typeName: "sluice.v1.CompleteResponse",
        requestId: "",
        parts: [{ $typeName: "sluice.v1.Part", content: { case: "text", value: text }, citations: [] }],
        finishReason: STOP,
        providerFinishReason: "stop",
        provider: "",
        model: answer.model,
        providerResponseId: answer.id,
        attempts: [],
        logprobs: [],
        ...toUsage(answer.usage),
      });
    },
    onResponseError: (_controller, error) => respond({ code: grpc.status.UNAVAILABLE, details: error.message }),
  });
}

function stream(call: grpc.ServerWritableStream<StreamRequest, StreamResponse>): void {
  let sequence = 0;
  let last: Completion | undefined;
  let upstreamSide: Dispatcher.DispatchController | undefined;
  const decoder = new TextDecoder();
  const write = (event: StreamResponse["event"]): void => {
    const more = call.write({ $typeName: "sluice.v1.StreamResponse", sequence: ++sequence, event });
    if (more || upstreamSide?.paused !== false) return;
    upstreamSide.pause();
    call.once("drain", () => upstreamSide?.resume());
  };
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data) as Completion;
      if (last === undefined) {
        const { id: providerResponseId, model } = chunk;
        write({
          case: "start",
          value: { $typeName: "sluice.v1.StreamStart", requestId: "", provider: "", model, providerResponseId },
        });
      }
      last = chunk;
      const text = chunk.choices[0]?.delta?.content ?? "";
      if (text === "") return;
      write({
        case: "blockDelta",
        value: { $typeName: "sluice.v1.BlockDelta", index: 0, text, logprobs: [], citations: [] },
      });
    },
  });
  pool.dispatch(toOptions(call.request, true), {
    onRequestStart: (controller) => {
      upstreamSide = controller;
      call.once("cancelled", () => controller.abort(new Error("cancelled")));
    },
    onResponseStart: refuseFailure,
    onResponseData: (_controller, chunk) => parser.feed(decoder.decode(chunk, { stream: true })),
    onResponseEnd: () => {
      write({
        case: "end",
        value: {
          $typeName: "sluice.v1.StreamEnd",
          requestId: "",
          finishReason: STOP,
          providerFinishReason: "stop",
          provider: "",
          model: last?.model ?? "",
          providerResponseId: last?.id ?? "",
          attempts: [],
          ...toUsage(last?.usage),
        },
      });
      call.end();
    },
    onResponseError: (_controller, error) => {
      if (!call.cancelled) call.emit("error", { code: grpc.status.UNAVAILABLE, details: error.message });
    },
  });
}

// As lean as the gateway's own server, so that the comparison is about what is done with a call.
const server = new grpc.Server({ "grpc.enable_channelz": 0 });
server.addService(service, { complete, stream });
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${JSON.stringify({ msg: "ready", address: `127.0.0.1:${port}` })}\n`);
});
