import { randomUUID } from "node:crypto";
import { type GatewayError, toGatewayError } from "../domain/error.ts";

/** Header of every answer, as the contract names it. */
export const REQUEST_ID_HEADER = "sluice-request-id";

export function mintRequestId(): string {
  return randomUUID();
}

/** Makes anything thrown an error that says to which request it belongs. */
export function nameRequest(thrown: unknown, requestId: string): GatewayError {
  return toGatewayError(thrown).with({ request_id: requestId });
}
