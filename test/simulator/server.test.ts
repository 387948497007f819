import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { openSimulator } from "../../src/simulator/server.ts";
import { ask, post, requestText, user, withSimulator } from "./client.ts";

describe("a call", () => {
  test("is recorded with what was received and how it ended", () =>
    withSimulator(async (simulator) => {
      const arriving = simulator.nextCall();
      await ask(simulator, { model: "echo" }, { authorization: "Bearer key" });
      const call = await arriving;
      const end = await call.closed;
      expect([end.early, end.atMs, end.bytesWritten > 500]).toEqual([false, 0, true]);
      expect(simulator.calls).toEqual([
        {
          number: 1,
          method: "POST",
          path: "/v1/chat/completions",
          headers: expect.objectContaining({ authorization: "Bearer key" }),
          model: "echo",
          body: { messages: [user("Hello")], model: "echo" },
          startedAtMs: 0,
          bytesWritten: end.bytesWritten,
          end,
          closed: call.closed,
        },
      ]);
    }));

  test("counts the bytes of its own answer on a connection that is used again", () =>
    withSimulator(async (simulator) => {
      await ask(simulator, { model: "echo" });
      await ask(simulator, { model: "echo" });
      await simulator.idle();
      const [first, second] = simulator.calls;
      expect(second?.end?.bytesWritten).toBe(first?.end?.bytesWritten);
    }));

  test("ends early when the client leaves in mid-stream, and takes its timer along", async () => {
    const simulator = await openSimulator();
    const leave = new AbortController();
    const arriving = simulator.nextCall();
    const response = await post(simulator, { model: "text:tokens=100:rate=1", stream: true }, { signal: leave.signal });
    const call = await arriving;
    expect([simulator.openRequests, call.end]).toEqual([1, undefined]);
    leave.abort();
    expect((await call.closed).early).toBe(true);
    expect(simulator.openRequests).toBe(0);
    await expect(response.text()).rejects.toThrow("aborted");
    await simulator.close();
  });

  test("is forgotten when more than the kept number have come", () =>
    withSimulator(
      async (simulator) => {
        for (const content of ["a", "b", "c"]) await ask(simulator, { model: "echo", messages: [user(content)] });
        expect(simulator.calls.map(({ number }) => number)).toEqual([2, 3]);
        simulator.reset();
        expect(simulator.calls).toEqual([]);
      },
      { keptCalls: 2 },
    ));

  test("is logged when it ends", async () => {
    const lines: unknown[] = [];
    await withSimulator((simulator) => ask(simulator, { model: "fault.overloaded" }).then(() => simulator.idle()), {
      log: (line) => lines.push(line),
    });
    expect(lines).toEqual([
      {
        msg: "call",
        number: 1,
        path: "/v1/chat/completions",
        model: "fault.overloaded",
        status: 529,
        early: false,
        ms: 0,
      },
    ]);
  });
});

describe("a slow reader", () => {
  test.each([true, false])("holds a large answer back instead of filling memory (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const arriving = simulator.nextCall();
      const socket = connect(simulator.port, "127.0.0.1");
      socket.write(requestText({ model: "text:total-bytes=1GiB", stream }));
      await once(socket, "data");
      socket.pause();
      const call = await arriving;
      let written = 0;
      for (let still = 0; still < 20; still++) {
        await ask(simulator, { model: "echo" });
        if (call.bytesWritten > written) still = 0;
        written = call.bytesWritten;
      }
      socket.destroy();
      expect(await call.closed).toEqual({ early: true, atMs: 0, bytesWritten: written });
      expect(written).toBeLessThan(64 * 1024 * 1024);
    }),
  );
});

describe("closing", () => {
  test("ends every call and socket, and nobody is taken to have left", async () => {
    const simulator = await openSimulator();
    const arriving = simulator.nextCall();
    const silent = post(simulator, { model: "fault.no-response" }).catch(() => "refused");
    const call = await arriving;
    const endless = await post(simulator, { model: "fault.infinite-stream", stream: true });
    await simulator.close();
    expect((await call.closed).early).toBe(false);
    expect(simulator.calls.map(({ end }) => end?.early)).toEqual([false, false]);
    expect([simulator.openRequests, simulator.openSockets]).toEqual([0, 0]);
    expect(await silent).toBe("refused");
    await expect(endless.text()).rejects.toThrow("terminated");
  });

  test("may be asked for twice", async () => {
    const simulator = await openSimulator();
    await Promise.all([simulator.close(), simulator.close()]);
    await simulator.close();
  });

  test("rejects whoever waits for a call", async () => {
    const simulator = await openSimulator();
    const arriving = simulator.nextCall();
    await simulator.close();
    await expect(arriving).rejects.toThrow("The simulator was closed before another call came.");
  });
});

test("healthz answers and is not recorded", () =>
  withSimulator(async (simulator) => {
    const response = await fetch(`http://127.0.0.1:${simulator.port}/healthz`);
    expect([response.status, await response.json(), simulator.calls]).toEqual([200, { status: "ok" }, []]);
  }));

test("a port in use is told at once", () =>
  withSimulator(async (simulator) => {
    await expect(openSimulator({ port: simulator.port })).rejects.toThrow("EADDRINUSE");
  }));

test.each(["SIGTERM", "SIGINT"] as const)(
  "as a process of its own it says when it is ready, and stops on %s",
  async (signal) => {
    const cli = new URL("../../src/simulator/cli.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [cli, "--port", "0", "--host", "127.0.0.1"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const { msg, url } = JSON.parse(line) as { msg: string; url: string };
    expect([msg, /^http:\/\/127\.0\.0\.1:\d+\/v1$/.test(url)]).toEqual(["ready", true]);
    const models = await fetch(`${url}/models`);
    expect(models.status).toBe(200);
    await models.text();
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
  },
);
