import { expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { explainConnectionError } from "../../src/wire/upstream-error.ts";

function coded(code: string, cause?: unknown): Error {
  return Object.assign(new Error(`connect ${code} 10.1.2.3:443 of vault.internal`, { cause }), { code });
}

const wrapped = new Error("fetch failed", { cause: coded("ECONNREFUSED") });
const everyAddress = new AggregateError([coded("ECONNREFUSED"), coded("EHOSTUNREACH")], "all failed");
let deep: Error = coded("ECONNREFUSED");
for (let depth = 0; depth < 10; depth++) deep = new Error("more", { cause: deep });

const { UPSTREAM_TLS_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, UPSTREAM_TRUNCATED } = ErrorReason;

test.each([
  ["a refused connection", coded("ECONNREFUSED"), UPSTREAM_UNREACHABLE, "ECONNREFUSED"],
  ["a name that does not exist", coded("ENOTFOUND"), UPSTREAM_UNREACHABLE, "ENOTFOUND"],
  ["a name server that fails", coded("EAI_AGAIN"), UPSTREAM_UNREACHABLE, "EAI_AGAIN"],
  ["an error in an error", wrapped, UPSTREAM_UNREACHABLE, "ECONNREFUSED"],
  ["one error for each address", everyAddress, UPSTREAM_UNREACHABLE, "ECONNREFUSED"],
  ["causes without an end", deep, UPSTREAM_UNREACHABLE, "connection closed"],
  ["what is no error", "odd", UPSTREAM_UNREACHABLE, "connection closed"],
  ["a connect timeout", coded("UND_ERR_CONNECT_TIMEOUT"), UPSTREAM_TIMEOUT, "UND_ERR_CONNECT_TIMEOUT"],
  ["a timeout of the system", coded("ETIMEDOUT"), UPSTREAM_TIMEOUT, "ETIMEDOUT"],
  ["an expired certificate", coded("CERT_HAS_EXPIRED"), UPSTREAM_TLS_FAILED, "CERT_HAS_EXPIRED"],
  ["a wrong host", coded("ERR_TLS_CERT_ALTNAME_INVALID"), UPSTREAM_TLS_FAILED, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ["a certificate for another purpose", coded("INVALID_PURPOSE"), UPSTREAM_TLS_FAILED, "INVALID_PURPOSE"],
  ["an authority that is none", coded("INVALID_CA"), UPSTREAM_TLS_FAILED, "INVALID_CA"],
  ["a chain too long", coded("CERT_CHAIN_TOO_LONG"), UPSTREAM_TLS_FAILED, "CERT_CHAIN_TOO_LONG"],
  ["a forged signature", coded("CERT_SIGNATURE_FAILURE"), UPSTREAM_TLS_FAILED, "CERT_SIGNATURE_FAILURE"],
])("%s is told by its code alone, before the answer", (_, error, reason, code) => {
  const explained = explainConnectionError(error, false);
  expect([explained.reason, explained.cause]).toEqual([reason, error]);
  expect(explained.message).toContain(`(${code})`);
  expect(explained.message).not.toMatch(/10\.1\.2\.3|vault/);
});

test.each([
  ["a reset", coded("ECONNRESET"), UPSTREAM_TRUNCATED, "ECONNRESET"],
  ["a close without a code", new Error("other side closed"), UPSTREAM_TRUNCATED, "closed"],
  ["a timeout of the system", coded("ETIMEDOUT"), UPSTREAM_TIMEOUT, "ETIMEDOUT"],
])("%s in the middle of the answer is no unreachable upstream", (_, error, reason, code) => {
  const explained = explainConnectionError(error, true);
  expect([explained.reason, explained.cause]).toEqual([reason, error]);
  expect(explained.message).toContain(`(${code})`);
});

test("an error of the gateway's own stays as it is", () => {
  const own = new GatewayError(ErrorReason.CANCELLED, "The caller left.");
  expect(explainConnectionError(own, true)).toBe(own);
});
