import type { Report } from "./problem.ts";

/** Headers that the gateway writes itself, or that would break the framing of requests. */
const OWN_HEADERS = new Set([
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "x-amz-date",
  "x-amz-security-token",
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
]);

/** Checks the headers that are sent with every request to a provider. */
export function checkHeaders(headers: Readonly<Record<string, string>>, problem: Report): void {
  for (const [header, value] of Object.entries(headers)) {
    if (OWN_HEADERS.has(header.toLowerCase()) || !/^[A-Za-z0-9-]+$/.test(header)) {
      problem(`.headers.${header}`, "cannot be set; keys belong in api_key");
    } else if (!/^[\x20-\x7e]*$/.test(value)) {
      problem(`.headers.${header}`, "holds characters that no header can carry");
    }
  }
}
