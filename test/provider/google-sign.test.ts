/** Google's access tokens, from a token service over real sockets. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/domain/clock.ts";
import { ErrorReason } from "../../src/domain/contract.ts";
import type { GatewayError } from "../../src/domain/error.ts";
import { createGoogleAuthorize, type GoogleAuthLibrary, type GoogleSigning } from "../../src/provider/sign/google.ts";
import { EMAIL, openTokenService, writeFile, writeServiceAccount } from "./google-tokens.ts";

/** 2026-11-01. */
const NOW = Date.UTC(2026, 10, 1);

const request = { path: "/v1/x", headers: { accept: "application/json" }, body: "{}" };

function open(credentialsFile: string | undefined, more: Partial<GoogleSigning> = {}) {
  let now = NOW;
  const clock = { ...systemClock, wallNow: () => now };
  const authorize = createGoogleAuthorize({ credentialsFile, clock, connectTimeoutMs: 1000, ...more });
  return {
    token: async () => (await authorize(request)).headers.authorization,
    request: () => authorize(request),
    advance: (ms: number) => {
      now += ms;
    },
  };
}

async function refusal(call: () => Promise<unknown>): Promise<readonly [reason: ErrorReason, message: string]> {
  const { reason, message } = (await call().then(
    () => expect.fail("was let in"),
    (thrown: unknown) => thrown,
  )) as GatewayError;
  return [reason, message];
}

describe("a service account's key", () => {
  test("is exchanged for a token, by a promise that it signs", async () => {
    const service = await openTokenService();
    const { request: send } = open(writeServiceAccount(service.url));
    expect(await send()).toEqual({
      path: "/v1/x",
      headers: { accept: "application/json", authorization: "Bearer token-1" },
      body: "{}",
    });
    expect(service.requests).toEqual([
      {
        header: { alg: "RS256", typ: "JWT", kid: "key-1" },
        claims: {
          iss: EMAIL,
          scope: "https://www.googleapis.com/auth/cloud-platform",
          aud: service.url,
          iat: NOW / 1000,
          exp: NOW / 1000 + 3600,
        },
        isSigned: true,
      },
    ]);
  });

  test("gives a token that is kept until a minute before it expires", async () => {
    const service = await openTokenService();
    const { token, advance } = open(writeServiceAccount(service.url));
    expect(await token()).toBe("Bearer token-1");
    advance(3_539_999);
    expect(await token()).toBe("Bearer token-1");
    advance(1);
    expect(await token()).toBe("Bearer token-2");
  });

  test("is exchanged once for all calls that wait", async () => {
    const service = await openTokenService();
    const { token } = open(writeServiceAccount(service.url));
    expect(await Promise.all([token(), token(), token()])).toEqual([
      "Bearer token-1",
      "Bearer token-1",
      "Bearer token-1",
    ]);
    expect(service.requests.length).toBe(1);
  });

  test("is asked for again after a failure", async () => {
    const service = await openTokenService((response, nth) => {
      response.statusCode = nth === 1 ? 503 : 200;
      response.end(JSON.stringify({ access_token: `token-${nth}` }));
    });
    const { token } = open(writeServiceAccount(service.url));
    await refusal(token);
    expect(await token()).toBe("Bearer token-2");
  });

  test("that the service refuses lets nobody in, and is not shown", async () => {
    const service = await openTokenService((response) => {
      response.statusCode = 400;
      response.end(JSON.stringify({ error: "invalid_grant", error_description: "Invalid JWT Signature." }));
    });
    expect(await refusal(open(writeServiceAccount(service.url)).token)).toEqual([
      ErrorReason.UPSTREAM_UNAUTHENTICATED,
      "Google's token service refused the gateway's service account (400, invalid_grant: Invalid JWT Signature.); its operator must renew the key.",
    ]);
  });

  test("cannot be exchanged where nobody answers", async () => {
    const [reason, message] = await refusal(open(writeServiceAccount("http://127.0.0.1:1/token")).token);
    expect(reason).toBe(ErrorReason.UPSTREAM_UNAUTHENTICATED);
    expect(message).toContain("The gateway cannot sign in at Google");
  });

  test("that is no key lets nobody in", async () => {
    const path = writeFile({ type: "service_account", client_email: EMAIL, private_key: "none" });
    expect(await refusal(open(path).token)).toEqual([
      ErrorReason.UPSTREAM_UNAUTHENTICATED,
      "The gateway cannot sign in at Google, which its operator must mend: no access token could be had.",
    ]);
  });
});

describe("a file of credentials", () => {
  test("must be there, and be JSON", async () => {
    expect((await refusal(open("/nowhere/at/all.json").token))[1]).toContain("cannot be read (ENOENT)");
    expect((await refusal(open(writeFile("[")).token))[1]).toContain("is no JSON");
  });
});

describe("other credentials", () => {
  test("need a library, which an error names", async () => {
    const loadLibrary = () => Promise.reject(new Error("Cannot find package"));
    const [reason, message] = await refusal(open(undefined, { loadLibrary }).token);
    expect(reason).toBe(ErrorReason.UPSTREAM_UNAUTHENTICATED);
    expect(message).toContain("install google-auth-library (version 11)");
  });

  test("are read by it, with their file", async () => {
    const opened: unknown[] = [];
    const library: GoogleAuthLibrary = {
      GoogleAuth: class {
        constructor(options: unknown) {
          opened.push(options);
        }
        getAccessToken() {
          return Promise.resolve("ya29.user");
        }
      },
    };
    const keyFilename = writeFile({ type: "authorized_user" });
    const { token } = open(keyFilename, { loadLibrary: () => Promise.resolve(library) });
    expect([await token(), await token()]).toEqual(["Bearer ya29.user", "Bearer ya29.user"]);
    expect(opened).toEqual([{ scopes: "https://www.googleapis.com/auth/cloud-platform", keyFilename }]);
  });
});
