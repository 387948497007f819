/** Raw upstreams that close with their test. */
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { type Answer, type KeyPair, openAnswering, openSockets, type Upstream } from "../support/raw.ts";

async function closeAfter(opening: Promise<Upstream>): Promise<Upstream> {
  const upstream = await opening;
  onTestFinished(() => upstream.close());
  return upstream;
}

/** An HTTP server that answers once it has read the request; over TLS where there is a certificate. */
export function answerWith(answer: Answer, certificate?: KeyPair): Promise<Upstream> {
  return closeAfter(openAnswering(answer, certificate));
}

/** A server of bare sockets. */
export function accept(onSocket: (socket: Socket) => void): Promise<Upstream> {
  return closeAfter(openSockets(onSocket));
}

/** A port in front of another one; its connections can be counted. */
export function forwardTo(port: number): Promise<Upstream> {
  return accept((socket) => {
    const onward = connect(port, "127.0.0.1");
    onward.on("error", () => socket.destroy());
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
}
