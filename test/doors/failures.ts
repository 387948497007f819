/** What a failed call tells its caller, the same shape for every client. */
import { createRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import type { CompleteRequestSchema, GatewayService } from "../../src/domain/contract.ts";
import { CallFailureSchema } from "../../src/domain/contract.ts";
import { ask, type TestGateway } from "../support/gateway.ts";
import type { RawAnswer } from "./wire.ts";

export type Request = MessageInitShape<typeof CompleteRequestSchema>;

export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly retryAfterS: number | undefined;
  /** The header of the answer. */
  readonly requestId: string | null;
}

export const doors = ["client", "connectClient", "webClient"] as const;
export const methods = ["complete", "stream"] as const;

/** Makes a call that must fail, and says how it did. */
export async function failureOf(
  client: Client<typeof GatewayService>,
  method: (typeof methods)[number],
  request: Request,
  options: CallOptions = {},
): Promise<Failure> {
  let header: string | null = null;
  const onHeader = (headers: Headers): void => {
    header = headers.get("sluice-request-id");
  };
  try {
    if (method === "complete") await client.complete(request, { ...options, onHeader });
    else for await (const _ of client.stream(request as never, { ...options, onHeader }));
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const info = error.findDetails(ErrorInfoSchema)[0];
    const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    return {
      code: error.code,
      message: error.rawMessage,
      reason: info?.reason,
      domain: info?.domain,
      metadata: info?.metadata,
      violations: (error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? []).map(({ field, description }) => ({
        field,
        description,
      })),
      retryAfterS: retry === undefined ? undefined : Number(retry.seconds) + retry.nanos / 1e9,
      requestId: header ?? error.metadata.get("sluice-request-id"),
    };
  }
  throw new Error("the call was answered");
}

const registry = createRegistry(ErrorInfoSchema, BadRequestSchema, RetryInfoSchema, CallFailureSchema);

/** The status of a gRPC answer of bytes. */
export function grpcStatusOf({ headers, trailers }: RawAnswer) {
  const all = { ...headers, ...trailers };
  const bytes = all["grpc-status-details-bin"];
  const status = bytes === undefined ? undefined : fromBinary(StatusSchema, Buffer.from(String(bytes), "base64"));
  const info = status?.details
    .map((any) => anyUnpack(any, registry))
    .find((one) => one?.$typeName === "google.rpc.ErrorInfo");
  return {
    code: Number(all["grpc-status"]),
    message: decodeURIComponent(String(all["grpc-message"] ?? "")),
    reason: info !== undefined && "reason" in info ? info.reason : undefined,
  };
}

/** Both doors answer a good call. */
export async function expectHealthy(gateway: TestGateway): Promise<void> {
  const answers = await Promise.all(
    doors.map(async (door) => (await gateway[door].complete(ask("house/echo", "still here"))).parts[0]?.content.value),
  );
  expect(answers).toEqual(["still here", "still here", "still here"]);
}
