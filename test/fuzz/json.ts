/** Wrong JSON: values of other types, missing and strange fields, depth, length, numbers beyond all measure. */
import type { Dice } from "./dice.ts";

type Node = Record<string, unknown> | unknown[];

const nested = (depth: number, open: string, inner: string, close: string): string =>
  open.repeat(depth) + inner + close.repeat(depth);

/** As text, for what no value of JavaScript can say. */
const oddities: readonly [string, ...string[]] = [
  ...(["null", "true", "false", "0", "-1", "1", "0.5", "1e308", "1e999", "-1e999", "9007199254740993"] as const),
  ...(["4294967296", "123456789012345678901234567890", '""', '"a"', '"\\ud800"', '"\\u0000"', '"[DONE]"'] as const),
  ...(["[]", "{}", "[null]", "[[]]", "[{}]", '{"type":"text"}', '{"text":1}', '{"__proto__":{"a":1}}'] as const),
  ...([
    '{"constructor":{"prototype":1}}',
    '{"toString":null}',
    '{"case":"end"}',
    "[1,2,3]",
    '{"a":{"b":[{}]}}',
  ] as const),
  ...([
    '"{\\"a\\":"',
    '"{}"',
    '"data:image/png;base64,AAAA"',
    '"2026-01-01T00:00:00Z"',
    '"\\ud83d"',
    '"call_1"',
  ] as const),
];

/** Rarer, as they take long. */
const heavy: readonly [() => string, ...(() => string)[]] = [
  () => nested(5000, "[", "", "]"),
  () => nested(5000, '{"a":', "1", "}"),
  () => JSON.stringify("a".repeat(20_000)),
  () => `[${"{},".repeat(5000)}{}]`,
  () => `{${Array.from({ length: 2000 }, (_, at) => `"k${at}":1`).join(",")}}`,
  () => `"${'\\n\\"'.repeat(3000)}"`,
  () => "1".repeat(5000),
];

const MARK = "\u0001odd\u0001";

function oddText(dice: Dice): string {
  return dice.once(60) ? dice.pick(heavy)() : dice.pick(oddities);
}

/** Changes one to three places of a text that is JSON; undefined where it is none. What is too deep is replaced. */
export function spoilJson(text: string, dice: Dice): string | undefined {
  try {
    const root: unknown = JSON.parse(text);
    return isNode(root) ? spoilNode(root, dice) : oddText(dice);
  } catch (error) {
    return error instanceof RangeError ? oddText(dice) : undefined;
  }
}

function spoilNode(root: Node, dice: Dice): string {
  const odd: string[] = [];
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const nodes: Node[] = [];
    gather(root, nodes);
    const node = dice.pick(nodes);
    if (node !== undefined) spoil(node, nodes, dice, odd);
  }
  const written = JSON.stringify(root);
  return odd.length === 0 ? written : written.replaceAll(JSON.stringify(MARK), () => odd.pop() ?? "null");
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null;
}

/** All records and lists. */
function gather(node: Node, nodes: Node[]): void {
  nodes.push(node);
  for (const value of Object.values(node)) if (isNode(value)) gather(value, nodes);
}

function spoil(node: Node, nodes: readonly Node[], dice: Dice, odd: string[]): void {
  const keys = Object.keys(node);
  const key = dice.pick(keys) ?? "a";
  const target = node as Record<string, unknown>;
  switch (dice.below(8)) {
    case 0:
      delete target[key];
      return;
    case 1:
      // Another record's value, or its own fields one deeper.
      target[key] = structuredClone(dice.pick(nodes));
      return;
    case 2:
      if (Array.isArray(node)) node.push(structuredClone(dice.pick(node)));
      else target[dice.pick(["index", "type", "id", "usage", "error", "delta", "message", "content"])] = 1;
      return;
    case 3:
      if (Array.isArray(node)) node.reverse();
      else if (typeof target[key] === "number") target[key] = dice.pick([-1, 0.5, 1e21, 2 ** 31, 2 ** 53, 255, 7]);
      else if (typeof target[key] === "string") target[key] = spoilWord(target[key], dice);
      return;
    default:
      target[key] = MARK;
      odd.push(oddText(dice));
  }
}

function spoilWord(word: string, dice: Dice): string {
  const at = dice.below(word.length + 1);
  return dice.pick([
    word.slice(0, at),
    word + word,
    word.toUpperCase(),
    `${word.slice(0, at)}\ud800${word.slice(at)}`,
    " ",
  ]);
}
