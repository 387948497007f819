/** Upstream: what goes wrong before an answer begins, and answers that only bare sockets can give. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSimulator } from "../../src/simulator/server.ts";
import { closedPort, openAnswering, openSockets, type Upstream } from "../support/raw.ts";
import { type Authority, openAuthority } from "../upstream/certificates.ts";
import { PLAIN } from "../upstream/fault-table.ts";
import { openBlackhole } from "./blackhole.ts";
import type { FaultCase, Section, Watched } from "./case.ts";
import { HOSTS } from "./inside.ts";
import { measureWaits } from "./machine.ts";
import { SHORT_LIMITS, Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";
import { tell } from "./words.ts";

interface Row {
  readonly name: string;
  readonly url: string;
  /** Attempts as they are told, at the call's only target. */
  readonly alone: string;
  /** With a spare behind it. */
  readonly rescued: string;
  /** Longest time for the call that has a spare, ms. undici's timers of connections may be a second late. */
  readonly withinMs?: number;
}

const again = { alone: "Unavailable UNREACHABLE; 3× UNREACHABLE 0", rescued: "2× UNREACHABLE 0" };
const untrusted = { alone: "Unavailable TLS_FAILED; TLS_FAILED 0", rescued: "TLS_FAILED 0" };
const silent = { alone: "Unavailable TIMEOUT; TIMEOUT 0", rescued: "TIMEOUT 0", withinMs: 1500 };

const HERE = "IP:127.0.0.1";

export const upstreamConnections: Section = {
  name: "upstream, connections",
  async open() {
    const authority = openAuthority();
    const folder = mkdtempSync(join(tmpdir(), "sluice-faults-ca-"));
    writeFileSync(join(folder, "ca.pem"), authority.cert);
    const upstreams: Upstream[] = [];
    const opened = async (opening: Promise<Upstream>): Promise<Upstream> => {
      const upstream = await opening;
      upstreams.push(upstream);
      return upstream;
    };
    const blackhole = await openBlackhole();
    const simulator = await openSimulator();
    const asked: string[] = [];
    const rows = await openRows(authority, opened, blackhole.port, asked);
    const stage = await Stage.open({
      providers: {
        ...Object.fromEntries(rows.flatMap(({ url }, at) => waysOf(at).map((name) => [name, { base_url: url }]))),
        spare: { base_url: simulator.url },
      },
      models: Object.fromEntries(
        rows.flatMap((_, at) =>
          deliveries.map((delivery) => [
            `pair-${delivery}-${at}`,
            [`first-${delivery}-${at}/m`, "spare/text:tokens=10"],
          ]),
        ),
      ),
      limits: {
        ...SHORT_LIMITS,
        connect_timeout: "0.3s",
        headers_timeout: "5s",
        first_token_timeout: "5s",
        attempt_timeout: "5s",
      },
      retry: { base_delay: "0.001s", max_delay: "0.002s" },
      environment: { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") },
      watched: [watch(simulator), ...upstreams.map(watchSockets)],
    });
    return {
      stage,
      cases: rows.flatMap((row, at) => toCases(row, at, asked)),
      notes: [
        "Names that hang or say EAI_AGAIN are played by a resolver inside the process, in front of the system's.",
      ],
      async close() {
        await stage.close();
        blackhole.close();
        for (const upstream of upstreams) await upstream.close();
        await simulator.close();
        authority.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

const deliveries = ["unary", "stream"] as const;

/** Each way of a row has a provider of its own, so that the breaker of one touches no other. */
function waysOf(at: number): readonly string[] {
  return deliveries.flatMap((delivery) => [`alone-${delivery}-${at}`, `first-${delivery}-${at}`]);
}

/** Nobody may reach one of these by a request; their sockets must go. */
function watchSockets(upstream: Upstream): Watched {
  return {
    arrivals: 0,
    get open() {
      return upstream.open;
    },
  };
}

async function openRows(
  authority: Authority,
  opened: (opening: Promise<Upstream>) => Promise<Upstream>,
  blackhole: number,
  asked: string[],
): Promise<readonly Row[]> {
  const plain = ({ port }: Upstream): string => `http://127.0.0.1:${port}/v1`;
  const secure = ({ port }: Upstream): string => `https://127.0.0.1:${port}/v1`;
  const withCertificate = (certificate: { cert: string; key: string }) =>
    opened(
      openAnswering((request, response) => {
        asked.push(request.url ?? "");
        response.end();
      }, certificate),
    );
  const other = openAuthority();
  const stranger = other.issue({ names: HERE });
  other.close();
  const rows: readonly Row[] = [
    { name: "connection refused", url: `http://127.0.0.1:${await closedPort()}/v1`, ...again },
    { name: "connection refused on every address", url: `http://localhost:${await closedPort()}/v1`, ...again },
    { name: "connect blackhole", url: `http://127.0.0.1:${blackhole}/v1`, ...silent },
    { name: "DNS: NXDOMAIN", url: "http://nonexistent.invalid/v1", ...again },
    { name: "DNS: EAI_AGAIN", url: `http://${HOSTS.again}/v1`, ...again },
    { name: "DNS: hang", url: `http://${HOSTS.hang}/v1`, ...silent },
    {
      name: "TLS: expired",
      url: secure(await withCertificate(authority.issue({ names: HERE, days: -1 }))),
      ...untrusted,
    },
    {
      name: "TLS: wrong host",
      url: secure(await withCertificate(authority.issue({ names: "DNS:elsewhere.example" }))),
      ...untrusted,
    },
    { name: "TLS: self-signed", url: secure(await withCertificate(authority.selfSign(HERE))), ...untrusted },
    { name: "TLS: unknown authority", url: secure(await withCertificate(stranger)), ...untrusted },
    { name: "TLS: handshake stall", url: secure(await opened(openSockets((socket) => socket.resume()))), ...silent },
    {
      name: "TLS: a server that speaks none is not asked without",
      url: secure(
        await opened(
          openSockets((socket) => {
            socket.on("data", (chunk) => {
              if (chunk.includes("POST")) asked.push("in the clear");
              socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            });
          }),
        ),
      ),
      ...again,
    },
    {
      name: "accepted and closed at once",
      url: plain(await opened(openSockets((socket) => socket.destroy()))),
      ...again,
    },
    {
      name: "answers without HTTP",
      url: plain(await opened(openSockets((socket) => socket.once("data", () => socket.write("220 mail ESMTP\r\n"))))),
      ...again,
    },
  ];
  return rows;
}

function toCases({ name, alone, rescued, withinMs = 1000 }: Row, at: number, asked: readonly string[]): FaultCase[] {
  const unasked = (stage: Stage): void => {
    if (asked.length > 0) stage.miss("I7", `a request with the key was sent: ${asked.join(", ")}`);
  };
  return deliveries.flatMap((delivery): FaultCase[] => [
    {
      name: `${name}, ${delivery}`,
      expected: alone,
      async play(stage) {
        const call = await stage.call(delivery, `alone-${delivery}-${at}/m`);
        unasked(stage);
        return tell(call);
      },
    },
    {
      name: `${name}, ${delivery}, with a spare`,
      expected: `OK, whole; ${rescued}, spare answers; in time`,
      async play(stage) {
        const waits = measureWaits([stage.pid, process.pid]);
        const call = await stage.call(delivery, `pair-${delivery}-${at}`);
        unasked(stage);
        const time = call.tookMs < withinMs + waits() ? "in time" : `took ${Math.round(call.tookMs)} ms`;
        return `${tell(call, { whole: PLAIN })}; ${time}`;
      },
    },
  ]);
}
