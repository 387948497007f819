import { readFile } from "node:fs/promises";
import type { Clock } from "../../domain/clock.ts";
import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { ConnectionOptions } from "../../wire/send.ts";
import { asRecord, parseJson } from "../json.ts";
import type { Authorize } from "../upstream-request.ts";
import { type AccessToken, exchangeKey, readServiceAccount } from "./google-service-account.ts";

export interface GoogleSigning extends Pick<ConnectionOptions, "connectTimeoutMs"> {
  /** A service account's key, or another file of credentials; undefined leaves it to the place where it runs. */
  readonly credentialsFile: string | undefined;
  readonly clock: Clock;
  /** Loads google-auth-library, which need not be installed. */
  readonly loadLibrary?: () => Promise<GoogleAuthLibrary>;
}

/** What is used of google-auth-library (version 11). */
export interface GoogleAuthLibrary {
  readonly GoogleAuth: new (options: {
    readonly keyFilename?: string;
    readonly scopes: string;
  }) => { getAccessToken(): Promise<string | null | undefined> };
}

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/** Tokens are renewed this long before they expire. */
const RENEW_BEFORE_MS = 60_000;

/**
 * Lets requests in with Google's access tokens. A service account's key is exchanged for one here; other credentials
 * (of a user, of the machine, of another cloud) are read by google-auth-library. Rejects with
 * `UPSTREAM_UNAUTHENTICATED` where there is no token to be had.
 */
export function createGoogleAuthorize(options: GoogleSigning): Authorize {
  const { clock } = options;
  let held: AccessToken | undefined;
  let library: (() => Promise<string>) | undefined;
  let renewing: Promise<string> | undefined;

  async function renew(): Promise<string> {
    const credentials = await readCredentials(options.credentialsFile);
    const account = readServiceAccount(credentials);
    if (account !== undefined) {
      held = await exchangeKey(account, SCOPE, options);
      return held.token;
    }
    library ??= await openLibrary(options);
    // It keeps its token itself.
    return await library();
  }

  async function findToken(): Promise<string> {
    if (held !== undefined && clock.wallNow() < held.expiresAt - RENEW_BEFORE_MS) return held.token;
    // However many calls wait, the token is renewed once.
    renewing ??= renew().finally(() => {
      renewing = undefined;
    });
    try {
      return await renewing;
    } catch (error) {
      throw refused(error);
    }
  }

  return async (request) => {
    const token = await findToken();
    return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
  };
}

async function readCredentials(path: string | undefined): Promise<unknown> {
  if (path === undefined) return undefined;
  try {
    const credentials = asRecord(parseJson(await readFile(path, "utf8")));
    if (credentials !== undefined) return credentials;
  } catch (error) {
    const code = error instanceof Error ? String(Reflect.get(error, "code") ?? error.name) : "unknown";
    throw unauthenticated(`its file of Google credentials cannot be read (${code})`, error);
  }
  throw unauthenticated("its file of Google credentials is no JSON");
}

/** Its name as a value: without the library, nothing may look for its types or its code. */
const LIBRARY: string = "google-auth-library";

async function openLibrary(options: GoogleSigning): Promise<() => Promise<string>> {
  const { credentialsFile, loadLibrary = () => import(LIBRARY) as Promise<GoogleAuthLibrary> } = options;
  let loaded: GoogleAuthLibrary;
  try {
    loaded = await loadLibrary();
  } catch (error) {
    throw unauthenticated(
      "it has no key of a service account (google.credentials_file, or GOOGLE_APPLICATION_CREDENTIALS); for other Google " +
        "credentials install google-auth-library (version 11) beside it",
      error,
    );
  }
  const auth = new loaded.GoogleAuth({
    scopes: SCOPE,
    ...(credentialsFile === undefined ? {} : { keyFilename: credentialsFile }),
  });
  return async () => {
    const token = await auth.getAccessToken();
    if (typeof token !== "string" || token === "") throw unauthenticated("google-auth-library found no access token");
    return token;
  };
}

function refused(error: unknown): GatewayError {
  if (error instanceof GatewayError && error.reason === ErrorReason.UPSTREAM_UNAUTHENTICATED) return error;
  // What went wrong on the way to a token is for logs: its words may hold names of the operator's network.
  const words = error instanceof GatewayError ? error.message : "no access token could be had";
  return unauthenticated(words, error);
}

/** `why`: what is wrong with the gateway, as the end of a sentence about it. */
function unauthenticated(why: string, cause?: unknown): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_UNAUTHENTICATED,
    `The gateway cannot sign in at Google, which its operator must mend: ${why}.`,
    { cause },
  );
}
