/** A port whose connections never come about: its queue is full, and nobody takes anything from it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Listens with a queue of one, says where, and then stands still. */
const STANDS_STILL = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

export interface Blackhole {
  readonly port: number;
  close(): void;
}

/** Opens the port in a process of its own, and fills its queue: from then on, the kernel drops what comes. */
export async function openBlackhole(): Promise<Blackhole> {
  const child = spawn(process.execPath, ["--eval", STANDS_STILL], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  const queued: Socket[] = [];
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    queued.push(socket);
    if (!(await connects(socket))) break;
  }
  return {
    port,
    close() {
      for (const socket of queued) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}

/** Whether a connection comes about at once, as it does here where it does at all. */
async function connects(socket: Socket): Promise<boolean> {
  const timer = new AbortController();
  setTimeout(() => timer.abort(), 300).unref();
  return await once(socket, "connect", { signal: timer.signal }).then(
    () => true,
    () => false,
  );
}
