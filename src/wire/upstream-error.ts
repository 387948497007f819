import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";

/** Codes of Node's TLS that say: this certificate is not to be trusted. Asking again will not change that. */
const CERTIFICATE_CODES = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

const TIMEOUT_CODES = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "ETIMEDOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);

/** The `code` of an error or of the first of its causes that has one. */
function codeOf(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0]);
    const code: unknown = Reflect.get(at, "code");
    if (typeof code === "string") return code;
  }
  return "";
}

/**
 * Says in the gateway's terms why a connection failed. `begun`: the head of an answer had arrived.
 * Messages name the code only: Node's own texts hold addresses of the operator's network.
 */
export function explainConnectionError(error: unknown, begun: boolean): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = codeOf(error);
  const options = { cause: error };
  if (CERTIFICATE_CODES.has(code)) {
    return new GatewayError(
      ErrorReason.UPSTREAM_TLS_FAILED,
      `The upstream's certificate is not to be trusted (${code}). Its operator or the gateway's must mend it.`,
      options,
    );
  }
  if (TIMEOUT_CODES.has(code)) {
    return new GatewayError(
      ErrorReason.UPSTREAM_TIMEOUT,
      `The upstream did not take the connection in time (${code}).`,
      options,
    );
  }
  if (begun) {
    return new GatewayError(
      ErrorReason.UPSTREAM_TRUNCATED,
      `The connection to the upstream broke in the middle of its answer (${code || "closed"}). Try again.`,
      options,
    );
  }
  return new GatewayError(
    ErrorReason.UPSTREAM_UNREACHABLE,
    `The upstream cannot be reached (${code || "connection closed"}).`,
    options,
  );
}
