import { isIPv4 } from "node:net";

/** A certificate as the doors need it: PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** When given, clients must show a certificate that it signed. */
  readonly clientCa: Buffer | undefined;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Parses `host:port`; an IPv6 host is in brackets. Throws a plain error that names the value. */
export function parseAddress(value: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) throw new Error(`${JSON.stringify(value)} is no address: give host:port`);
  return { host, port };
}

/** Whether only this machine can reach the address. */
export function isLoopback({ host }: Address): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
