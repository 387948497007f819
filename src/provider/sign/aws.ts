import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Clock } from "../../domain/clock.ts";
import type { WireRequest } from "../../wire/send.ts";
import type { Authorize } from "../upstream-request.ts";
import type { AwsIdentity } from "./aws-credentials.ts";

export interface AwsSigning {
  /** Where requests go: its host is signed. */
  readonly baseUrl: string;
  readonly region: string;
  /** The service's name in signatures. */
  readonly service: string;
  readonly credentials: () => Promise<AwsIdentity>;
  readonly clock: Clock;
}

/**
 * Signs requests by AWS Signature Version 4: method, path, the headers as they are sent, the host among them, and the
 * body. Rejects where there are no credentials.
 */
export function createAwsAuthorize({ baseUrl, region, service, credentials, clock }: AwsSigning): Authorize {
  const { protocol, host, hostname, port } = new URL(baseUrl);
  const signer = new SignatureV4({
    region,
    service,
    sha256: NodeSha256,
    credentials: async () => {
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
      return {
        accessKeyId,
        secretAccessKey: secretAccessKey.reveal(),
        ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
      };
    },
  });
  return async (request: WireRequest): Promise<WireRequest> => {
    const [path = "/", query = ""] = request.path.split("?", 2);
    const signed = await signer.sign(
      {
        method: "POST",
        protocol,
        hostname,
        ...(port === "" ? {} : { port: Number(port) }),
        path,
        query: Object.fromEntries(new URLSearchParams(query)),
        headers: { ...request.headers, host },
        body: request.body,
      },
      { signingDate: new Date(clock.wallNow()) },
    );
    return { ...request, headers: signed.headers };
  };
}

/** SHA-256, and with a secret HMAC, by Node itself: ten times faster than in JavaScript. */
class NodeSha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toInput(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(toInput(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

function toInput(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === "string") return data;
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
