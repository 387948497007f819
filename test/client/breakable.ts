/** A way to the gateway that can break: everything goes through it, until it is cut. */
import { once } from "node:events";
import * as net from "node:net";
import { portOf } from "../doors/wire.ts";

export interface BreakableWay {
  readonly url: string;
  /** Breaks the connections that are there; new ones go through. */
  cut(): void;
  /** From now on no connection goes through, or again. */
  block(blocked: boolean): void;
  close(): Promise<void>;
}

export async function openBreakableWay(address: string): Promise<BreakableWay> {
  const sockets = new Set<net.Socket>();
  let isBlocked = false;
  const server = net.createServer((near) => {
    if (isBlocked) {
      near.destroy();
      return;
    }
    const far = net.connect(portOf(address), "127.0.0.1");
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    cut,
    block(blocked) {
      isBlocked = blocked;
      if (blocked) cut();
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
