import { sign } from "node:crypto";
import type { Clock } from "../../domain/clock.ts";
import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import { Secret } from "../../domain/secret.ts";
import { Connections, readAll } from "../../wire/send.ts";
import { asCount, asRecord, asString, parseJson } from "../json.ts";
import { quote } from "../quote.ts";

export interface ServiceAccount {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly privateKey: Secret;
  /** Where keys are exchanged for tokens. */
  readonly tokenUri: string;
}

export interface AccessToken {
  readonly token: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

/** A key file of a service account; undefined for what is none. */
export function readServiceAccount(credentials: unknown): ServiceAccount | undefined {
  const file = asRecord(credentials);
  const email = asString(file?.client_email);
  const privateKey = asString(file?.private_key);
  if (file?.type !== "service_account" || email === undefined || privateKey === undefined) return undefined;
  return {
    email,
    keyId: asString(file.private_key_id),
    privateKey: new Secret(privateKey),
    tokenUri: asString(file.token_uri) ?? "https://oauth2.googleapis.com/token",
  };
}

/** Longest that Google lives with such a promise of who one is. */
const LIFETIME_S = 3600;
/** Longest wait for a token. */
const EXCHANGE_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Exchanges a service account's key for an access token: RFC 7523, as in Google's "Using OAuth 2.0 for server to
 * server applications", 2026-11. Rejects with a `GatewayError`, or with the error of a key that is none.
 */
export async function exchangeKey(
  account: ServiceAccount,
  scope: string,
  { clock, connectTimeoutMs }: { readonly clock: Clock; readonly connectTimeoutMs: number },
): Promise<AccessToken> {
  const askedAt = clock.wallNow();
  const url = new URL(account.tokenUri);
  const connections = new Connections(url.origin, { connectTimeoutMs, maxConnections: 1 });
  const exchange = connections.send({
    path: url.pathname + url.search,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
      "user-agent": "sluice",
    },
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: promise(account, scope, Math.floor(askedAt / 1000)),
    }).toString(),
  });
  const timer = clock.schedule(EXCHANGE_MS, () => {
    exchange.abort(new GatewayError(ErrorReason.UPSTREAM_TIMEOUT, "Google's token service did not answer in time"));
  });
  try {
    const { status } = await exchange.head();
    const body = await readAll(() => exchange.read(), MAX_ANSWER_BYTES);
    const said = asRecord(parseJson(body.toString("utf8")));
    const token = asString(said?.access_token);
    if (status !== 200 || token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
      const words = [said?.error, said?.error_description].filter((word) => typeof word === "string").join(": ");
      throw new GatewayError(
        ErrorReason.UPSTREAM_UNAUTHENTICATED,
        `Google's token service refused the gateway's service account (${status}${words === "" ? "" : `, ${quote(words)}`}); its operator must renew the key.`,
      );
    }
    return { token, expiresAt: askedAt + (asCount(said?.expires_in) ?? LIFETIME_S) * 1000 };
  } finally {
    timer.cancel();
    await connections.close();
  }
}

/** A JSON web token, signed by the account's key. */
function promise({ email, keyId, privateKey, tokenUri }: ServiceAccount, scope: string, now: number): string {
  const header = { alg: "RS256", typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = { iss: email, scope, aud: tokenUri, iat: now, exp: now + LIFETIME_S };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${signed}.${sign("sha256", Buffer.from(signed), privateKey.reveal()).toString("base64url")}`;
}
