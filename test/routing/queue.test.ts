import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { PRIORITIES, type Priority } from "../../src/routing/priority.ts";
import { CallQueue, QUEUE_DEFAULTS, type QueueOptions } from "../../src/routing/queue.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";
import { createRandom } from "./random.ts";

const NEVER = Number.POSITIVE_INFINITY;

let clock: ManualClock;
let queue: CallQueue;
/** Answers in their order, as "a" for a turn and "a full" for a refusal. */
let answers: string[];
let waits: number[];

function create(options: Partial<QueueOptions> = {}): CallQueue {
  return new CallQueue({ ...QUEUE_DEFAULTS, ...options }, clock, () => 0.5);
}

beforeEach(() => {
  clock = createManualClock();
  queue = create();
  answers = [];
  waits = [];
});

function join(name: string, priority: Priority = "default", deadline = NEVER): () => void {
  return queue.join({
    priority,
    deadline,
    turn: () => answers.push(name),
    refused: ({ because, retryAfterMs }) => {
      answers.push(`${name} ${because}`);
      waits.push(retryAfterMs);
    },
  });
}

/** Lets the queue know that a turn takes so long. */
function teach(turnMs: number): void {
  join("teacher", "interactive");
  clock.advance(turnMs);
  queue.next();
  expect(queue.size).toBe(0);
  answers = [];
  waits = [];
}

describe("turns", () => {
  test("go to nobody where nobody waits", () => {
    expect([queue.next(), queue.size]).toEqual([false, 0]);
  });

  test("go by priority, and among equals to the first that came", () => {
    // Its first turn in twenty is batch's.
    join("first");
    queue.next();
    join("b1", "batch");
    join("d1");
    join("i1", "interactive");
    join("d2");
    join("i2", "interactive");
    expect(queue.size).toBe(5);
    while (queue.next());
    expect(answers).toEqual(["first", "i1", "i2", "d1", "d2", "b1"]);
  });

  test("starve nobody: of twenty, default has three and batch has one, however many others wait", () => {
    for (let n = 0; n < 100; n++) for (const priority of PRIORITIES) join(priority, priority);
    for (let n = 0; n < 60; n++) queue.next();
    const count = (name: string): number => answers.filter((each) => each === name).length;
    expect(PRIORITIES.map(count)).toEqual([48, 9, 3]);
  });

  test("do not go to one that left", () => {
    const leave = join("a");
    join("b");
    leave();
    leave();
    expect(queue.size).toBe(1);
    expect([queue.next(), queue.next()]).toEqual([true, false]);
    expect(answers).toEqual(["b"]);
  });

  test("do not go to one whose deadline has passed", () => {
    join("late", "default", 50);
    join("b");
    clock.advance(50);
    queue.next();
    expect(answers).toEqual(["late too-late", "b"]);
  });

  test("leave nothing to leave", () => {
    const leave = join("a");
    queue.next();
    leave();
    expect([queue.size, answers]).toEqual([0, ["a"]]);
  });
});

describe("a full queue", () => {
  beforeEach(() => {
    queue = create({ capacity: 3 });
  });

  test("refuses equals, and says when to try again", () => {
    for (const name of ["a", "b", "c", "d"]) join(name);
    expect([answers, waits, queue.size]).toEqual([["d full"], [750], 3]);
  });

  test("sheds the last of batch first, then of default", () => {
    for (const [name, priority] of [
      ["b1", "batch"],
      ["d1", "default"],
      ["b2", "batch"],
      ["i1", "interactive"],
      ["i2", "interactive"],
      ["i3", "interactive"],
      ["i4", "interactive"],
    ] as const) {
      join(name, priority);
    }
    expect(answers).toEqual(["b2 shed", "b1 shed", "d1 shed", "i4 full"]);
    expect(queue.size).toBe(3);
  });

  test("sheds nobody for batch", () => {
    join("d", "default");
    join("b1", "batch");
    join("b2", "batch");
    join("b3", "batch");
    expect(answers).toEqual(["b3 full"]);
  });
});

describe("a wait that is too long", () => {
  test("is not begun where the deadline would come first", () => {
    teach(20);
    join("a", "default", clock.now() + 1000);
    join("b", "default", clock.now() + 40);
    join("c", "default", clock.now() + 41);
    expect(answers).toEqual(["b too-late"]);
  });

  test("is not counted for those of lesser priority that wait", () => {
    teach(20);
    for (let n = 0; n < 10; n++) join("b", "batch");
    join("i", "interactive", clock.now() + 30);
    expect(answers).toEqual([]);
  });

  test("ends in a queue that stands, and leaves those that came lately", () => {
    join("old");
    clock.advance(90);
    join("new");
    clock.advance(10);
    queue.expire();
    expect(answers).toEqual([]);
    clock.advance(1);
    queue.expire();
    expect(answers).toEqual(["old overloaded"]);
    queue.next();
    expect(answers).toEqual(["old overloaded", "new"]);
  });

  test("ends for batch ten times later", () => {
    join("b", "batch");
    clock.advance(150);
    queue.expire();
    expect(answers).toEqual([]);
    clock.advance(1);
    queue.expire();
    expect(answers).toEqual(["b overloaded"]);
  });

  test("is refused at once in a queue that stands", () => {
    teach(10);
    for (let n = 0; n < 4; n++) join(`${n}`);
    for (let n = 0; n < 12; n++) {
      clock.advance(10);
      queue.next();
      join(`more ${n}`);
    }
    answers = [];
    clock.advance(1);
    join("one too many");
    expect(answers).toContain("one too many overloaded");
  });

  test("is short for a second after one was, though the queue is empty again", () => {
    join("old");
    clock.advance(101);
    queue.expire();
    expect([answers, queue.size]).toEqual([["old overloaded"], 0]);
    clock.advance(900);
    join("soon");
    clock.advance(16);
    queue.expire();
    expect(answers).toEqual(["old overloaded", "soon overloaded"]);
    clock.advance(1000);
    join("later");
    clock.advance(90);
    queue.expire();
    expect([answers.length, queue.size]).toEqual([2, 1]);
  });

  test("is no long one where turns are far apart", () => {
    teach(2000);
    join("a");
    join("b");
    clock.advance(1999);
    queue.expire();
    expect(answers).toEqual([]);
  });

  test("is a burst, not a queue that stands, for as long as four turns take", () => {
    teach(100);
    for (const name of ["a", "b", "c"]) join(name);
    for (let n = 0; n < 2; n++) {
      clock.advance(100);
      queue.next();
    }
    clock.advance(50);
    queue.expire();
    expect(answers).toEqual(["a", "b"]);
  });

  test("is told by all turns, also those of the ones that waited behind another", () => {
    join("a");
    join("b");
    clock.advance(10);
    queue.next();
    clock.advance(30);
    queue.next();
    join("c", "default", clock.now() + 20);
    join("d", "default", clock.now() + 41);
    expect(answers).toEqual(["a", "b", "c too-late"]);
  });

  test("says to come back when the queue will be empty, in half a minute at most", () => {
    queue = create({ capacity: 50 });
    teach(100);
    for (let n = 0; n < 51; n++) join("a");
    expect(waits).toEqual([7500]);
    queue = create({ capacity: 500 });
    teach(100);
    for (let n = 0; n < 501; n++) join("a");
    expect(waits).toEqual([30_000]);
  });
});

test("under ten times the load, turns go on, nobody that has one waited long, and batch has its share", () => {
  const random = createRandom(7);
  const waited: number[] = [];
  const served: Record<Priority, number> = { interactive: 0, default: 0, batch: 0 };
  let turns = 0;
  for (let ms = 0; ms < 20_000; ms += 1) {
    clock.advance(1);
    const joinedAt = clock.now();
    const priority = PRIORITIES[Math.floor(random() * 3)] ?? "default";
    const turn = (): void => {
      served[priority]++;
      if (priority !== "batch") waited.push(clock.now() - joinedAt);
    };
    queue.join({ priority, deadline: joinedAt + 10_000, turn, refused: () => {} });
    if (ms % 10 === 0 && queue.next()) turns++;
  }
  expect(turns).toBeGreaterThan(1990);
  waited.sort((a, b) => a - b);
  expect(waited[Math.floor(waited.length * 0.99)]).toBeLessThanOrEqual(50);
  expect(served.batch).toBeGreaterThanOrEqual(95);
  expect(served.default).toBeGreaterThanOrEqual(280);
});

test("whatever happens, each waiter has one answer or left, and the size is right", () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("join" as const),
      priority: fc.constantFrom(...PRIORITIES),
      inMs: fc.integer({ min: -10, max: 2000 }),
    }),
    fc.record({ do: fc.constant("leave" as const), which: fc.nat(30) }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ do: fc.constant("next" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      clock = createManualClock();
      queue = create({ capacity: 10 });
      const all: { answers: number; left: boolean; leave: () => void }[] = [];
      for (const each of steps) {
        if (each.do === "wait") clock.advance(each.ms);
        else if (each.do === "next") queue.next();
        else if (each.do === "leave") {
          const one = all[each.which];
          one?.leave();
          if (one?.answers === 0) one.left = true;
        } else {
          const one = { answers: 0, left: false, leave: () => {} };
          const answer = (): void => void one.answers++;
          all.push(one);
          const deadline = clock.now() + each.inMs;
          one.leave = queue.join({ priority: each.priority, deadline, turn: answer, refused: answer });
        }
        for (const one of all) expect(one.answers).toBeLessThanOrEqual(one.left ? 0 : 1);
        expect(queue.size).toBe(all.filter((one) => one.answers === 0 && !one.left).length);
        expect(queue.size).toBeLessThanOrEqual(10);
      }
    }),
    { numRuns: 500 },
  );
});
