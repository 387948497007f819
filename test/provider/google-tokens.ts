/** A stand-in for Google's token service, and service accounts that it knows. */
import { createVerify, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

interface TokenRequest {
  readonly header: unknown;
  readonly claims: Readonly<Record<string, unknown>>;
  /** By the account's key. */
  readonly isSigned: boolean;
}

export interface TokenService {
  readonly url: string;
  readonly requests: readonly TokenRequest[];
}

type Answer = (response: ServerResponse, nth: number) => void;

/** `{token}-1`, `-2` and so on, each good for an hour. */
const anHour: Answer = (response, nth) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ access_token: `token-${nth}`, expires_in: 3600, token_type: "Bearer" }));
};

/** Closes with the test. */
export async function openTokenService(answer: Answer = anHour): Promise<TokenService> {
  const requests: TokenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
      const [header = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
      const parse = (part: string) =>
        JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as TokenRequest["claims"];
      const isSigned = createVerify("sha256").update(`${header}.${claims}`).verify(publicKey, signature, "base64url");
      requests.push({ header: parse(header), claims: parse(claims), isSigned });
      answer(response, requests.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, requests };
}

/** A file that is removed with the test. */
export function writeFile(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-google-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "credentials.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

export const EMAIL = "gateway@project.iam.gserviceaccount.test";

/** A service account's key file. */
export function writeServiceAccount(tokenUri: string): string {
  return writeFile({
    type: "service_account",
    client_email: EMAIL,
    private_key_id: "key-1",
    private_key: privateKey,
    token_uri: tokenUri,
  });
}
