import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import { decompress, type Read } from "../wire/decompress.ts";
import type { Exchange, WireHead } from "../wire/send.ts";
import { quoteHtml } from "./quote.ts";

/** Error bodies are read to here; what is longer is no message. */
const MAX_ERROR_BYTES = 64 * 1024;

/** The body of a refusal. Its status has said what matters: a body that cannot be read says nothing more. */
export async function readRefusal(exchange: Exchange, head: WireHead): Promise<string> {
  let body: ReturnType<typeof decompress> | undefined;
  try {
    body = decompress(head.headers["content-encoding"], () => exchange.read());
    return await readStart(body.read);
  } catch (error) {
    // Cancelled or timed out: that is the call's end, not the body's.
    if (error instanceof GatewayError && !BODY_FAULTS.has(error.reason)) throw error;
    return "";
  } finally {
    body?.close();
  }
}

const BODY_FAULTS: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.UPSTREAM_TRUNCATED,
  ErrorReason.UPSTREAM_MALFORMED,
  ErrorReason.UPSTREAM_UNREACHABLE,
]);

/** The beginning of an error's body, as text; where it breaks off, what came. */
export async function readStart(read: Read): Promise<string> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for (let chunk = await read(); chunk !== undefined && total < MAX_ERROR_BYTES; chunk = await read()) {
      chunks.push(chunk);
      total += chunk.length;
    }
  } catch (error) {
    if (error instanceof GatewayError && error.reason !== ErrorReason.UPSTREAM_TRUNCATED) throw error;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ERROR_BYTES).toString("utf8");
}

/** A redirect is refused: following it could show the key to whoever is there. */
export function explainRedirect(status: number): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_REDIRECTED,
    `The upstream redirected (${status}), which is refused because the key could leak. Correct the provider's base_url.`,
    { metadata: { upstream_status: String(status) } },
  );
}

/** A page for people, where an answer for programs was wanted. */
export function explainPage(head: WireHead, html: string): GatewayError {
  const quoted = quoteHtml(html);
  return new GatewayError(
    ErrorReason.UPSTREAM_MALFORMED,
    `The upstream answered ${head.status} with an HTML page instead of an answer: ${quoted}`,
    { metadata: { upstream_status: String(head.status) }, quoted },
  );
}
