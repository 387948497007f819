import { Buffer } from "node:buffer";

/** Bytes as base64, without copying them first. */
export function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

/** Bytes in a `data:` address. */
export function dataUri(mimeType: string, data: Uint8Array): string {
  return `data:${mimeType};base64,${base64(data)}`;
}
