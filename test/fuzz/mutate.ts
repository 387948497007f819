/** Makes wrong bodies out of right ones, and cuts them into chunks as a network may. */
import { Buffer } from "node:buffer";
import type { Framing } from "../../src/wire/framing.ts";
import type { Dice } from "./dice.ts";
import { spoilJson } from "./json.ts";
import { cutPieces, rewrite } from "./pieces.ts";

export interface Seed {
  readonly body: Buffer;
  /** One JSON document rather than a stream. */
  readonly whole: boolean;
  readonly status: number;
}

type Mutation = (body: Buffer, dice: Dice, framing: Framing, seeds: readonly Seed[]) => Buffer;

const JUNK: readonly [Buffer, ...Buffer[]] = [
  ...([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xef, 0xbb, 0xbf], [0], [0x0d], [0x0a, 0x0a]] as const),
  ...([
    "data:",
    "data: [DONE]\n\n",
    "event: error\n",
    "event: ping\n\n",
    ": note\n\n",
    "\r\n\r\n",
    "{",
    "}",
    '"',
  ] as const),
  ...(["\n{", "\n[", "id: 1\n", "data: {}\n\n", "data: null\n\n", "data: []\n\n", "{}\n", "null\n", "\u2028"] as const),
].map((junk) => (typeof junk === "string" ? Buffer.from(junk) : Buffer.from([...junk]))) as [Buffer, ...Buffer[]];

const flipBits: Mutation = (body, dice) => {
  const flipped = Buffer.from(body);
  for (let times = 1 + dice.below(8); times > 0; times--) {
    const at = dice.below(flipped.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.below(8));
  }
  return flipped;
};

const truncate: Mutation = (body, dice) => body.subarray(0, dice.below(body.length + 1));

const drop: Mutation = (body, dice) => {
  const from = dice.below(body.length + 1);
  return Buffer.concat([body.subarray(0, from), body.subarray(from + dice.below(40))]);
};

const insertJunk: Mutation = (body, dice) => {
  const at = dice.below(body.length + 1);
  return Buffer.concat([body.subarray(0, at), dice.pick(JUNK), body.subarray(at)]);
};

const splice: Mutation = (body, dice, _, seeds) => {
  const other = dice.pick(seeds)?.body ?? body;
  const from = dice.below(other.length + 1);
  const at = dice.below(body.length + 1);
  return Buffer.concat([body.subarray(0, at), other.subarray(from, from + dice.below(2048)), body.subarray(at)]);
};

const shuffleFrames: Mutation = (body, dice, framing, seeds) => {
  const pieces = cutPieces(body, framing);
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const at = dice.below(pieces.length);
    const foreign = dice.once(4) ? dice.pick(cutPieces(dice.pick(seeds)?.body ?? body, framing)) : undefined;
    const piece = foreign ?? dice.pick(pieces);
    if (piece === undefined) break;
    if (dice.once(3)) pieces.splice(at, 1);
    else for (let copies = dice.once(30) ? 200 : 1; copies > 0; copies--) pieces.splice(at, 0, piece);
  }
  return Buffer.concat(pieces);
};

const spoilFrames: Mutation = (body, dice, framing) => {
  const pieces = cutPieces(body, framing);
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const at = dice.below(pieces.length);
    const piece = pieces[at];
    if (piece !== undefined) pieces[at] = rewrite(piece, framing, (json) => spoilJson(json, dice));
  }
  return Buffer.concat(pieces);
};

const spoilWhole: Mutation = (body, dice) => Buffer.from(spoilJson(body.toString("utf8"), dice) ?? body);

const forStreams = [
  flipBits,
  truncate,
  drop,
  insertJunk,
  splice,
  shuffleFrames,
  spoilFrames,
  spoilFrames,
  spoilFrames,
] as const;
const forWhole = [
  flipBits,
  truncate,
  drop,
  insertJunk,
  splice,
  spoilWhole,
  spoilWhole,
  spoilWhole,
  spoilWhole,
] as const;

/** Of a body: what takes its time because it is long is not what is looked for. */
const MAX_BYTES = 1 << 18;

/** One to three mutations of a body. */
export function mutate({ body, whole }: Seed, framing: Framing, dice: Dice, seeds: readonly Seed[]): Buffer {
  let mutated = body;
  for (let times = dice.pick([1, 1, 1, 2, 3]); times > 0; times--) {
    mutated = dice.pick(whole ? forWhole : forStreams)(mutated, dice, framing, seeds);
  }
  return mutated.subarray(0, MAX_BYTES);
}

/** In one, in a few, in small ones of one length, or byte by byte where that does not take long. */
export function chunk(body: Buffer, dice: Dice): Buffer[] {
  switch (dice.below(4)) {
    case 0:
      return [body];
    case 1: {
      const size = body.length < 2048 ? 1 : 64 + dice.below(64);
      return Array.from({ length: Math.ceil(body.length / size) }, (_, at) =>
        body.subarray(at * size, (at + 1) * size),
      );
    }
    default: {
      const cuts = Array.from({ length: 1 + dice.below(5) }, () => dice.below(body.length + 1)).sort((a, b) => a - b);
      return [...cuts, body.length].map((cut, at) => body.subarray(cuts[at - 1] ?? 0, cut));
    }
  }
}
