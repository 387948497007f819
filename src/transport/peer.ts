import type { Http2Session } from "node:http2";
import type { Socket } from "node:net";
import { type PeerCertificate, TLSSocket } from "node:tls";
import type { Peer } from "../service/context.ts";

const GONE: Peer = { address: "", subject: undefined };

/** Who is at the other end of a connection of HTTP/1.1. */
export function peerOf(socket: Socket | null | undefined): Peer {
  const host = socket?.remoteAddress;
  if (socket == null || host === undefined) return GONE;
  return { address: `${host.includes(":") ? `[${host}]` : host}:${socket.remotePort}`, subject: subjectOf(socket) };
}

/** The same of HTTP/2, whose sockets throw at every question once their session has ended. */
export function peerOfSession(session: Http2Session | undefined): Peer {
  return session === undefined || session.destroyed ? GONE : peerOf(session.socket);
}

/** Only of a certificate that was checked: the doors ask for one only where they know who signs. */
function subjectOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject }: Partial<PeerCertificate> = socket.getPeerCertificate();
  if (subject === undefined) return undefined;
  const parts = Object.entries(subject).map(([key, value]) => `${key}=${[value].flat().join("+")}`);
  return parts.join(",");
}
