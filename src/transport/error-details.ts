import { create, type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { CallFailureSchema } from "../domain/contract.ts";
import { toDuration } from "../domain/duration.ts";
import type { GatewayError } from "../domain/error.ts";
import { reasonName } from "../domain/reasons.ts";

export interface Detail<D extends DescMessage = DescMessage> {
  readonly schema: D;
  readonly message: Message;
}

/** The google.rpc details of an error, the same on both doors. */
export function toDetails(error: GatewayError): Detail[] {
  const details: Detail[] = [
    {
      schema: ErrorInfoSchema,
      message: create(ErrorInfoSchema, {
        reason: reasonName(error.reason),
        domain: "sluice",
        metadata: { ...error.metadata },
      }),
    },
  ];
  if (error.violations.length > 0) {
    const fieldViolations = error.violations.map(({ field, description }) => ({ field, description }));
    details.push({ schema: BadRequestSchema, message: create(BadRequestSchema, { fieldViolations }) });
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = toDuration(error.retryAfterMs);
    details.push({ schema: RetryInfoSchema, message: create(RetryInfoSchema, { retryDelay }) });
  }
  if (error.failure !== undefined) details.push({ schema: CallFailureSchema, message: error.failure });
  return details;
}

/** An error as `grpc-status-details-bin` carries it. */
export function toStatusBytes(error: GatewayError): Uint8Array {
  const details = toDetails(error).map(({ schema, message }): Any => anyPack(schema, message));
  return toBinary(StatusSchema, create(StatusSchema, { code: error.row.code, message: error.message, details }));
}
