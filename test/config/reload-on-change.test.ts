/** A configuration's file that changes, in the ways in which editors and kubelet change files. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/domain/clock.ts";
import { reloadOnChange, stateOf } from "../../src/reload.ts";
import { mountVolume } from "../support/mounted-volume.ts";

interface Watched {
  readonly path: string;
  readonly write: (text: string) => void;
  /** Lets it look once, to the end; resolves with what was read in all reloads so far. */
  readonly look: () => Promise<readonly string[]>;
}

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** A file with the text `first`, watched from then on, with looks that the test asks for. */
function watch(path = join(directory(), "sluice.yaml"), first: string | undefined = "first"): Watched {
  if (first !== undefined) writeFileSync(path, first);
  let due: (() => void) | undefined;
  let scheduled = Promise.withResolvers<void>();
  const clock: Clock = {
    ...systemClock,
    schedule(_, task) {
      due = task;
      scheduled.resolve();
      return { cancel: () => {} };
    },
  };
  const reloads: string[] = [];
  const read = (): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "missing";
    }
  };
  reloadOnChange(path, stateOf(path), clock, () => reloads.push(read()));
  return {
    path,
    write: (text) => writeFileSync(path, text),
    async look() {
      scheduled = Promise.withResolvers();
      due?.();
      await scheduled.promise;
      return reloads;
    },
  };
}

test("a file that stays as it is is not read again", async () => {
  const { look } = watch();
  await look();
  await look();
  expect(await look()).toEqual([]);
});

test("a new text is read once two looks have found it", async () => {
  const { look, write } = watch();
  write("second");
  expect(await look()).toEqual([]);
  expect(await look()).toEqual(["second"]);
  expect(await look()).toEqual(["second"]);
});

test("a change before the first look is found", async () => {
  const path = join(directory(), "sluice.yaml");
  writeFileSync(path, "first");
  const before = stateOf(path);
  writeFileSync(path, "other");
  let reloads = 0;
  let due = (): void => {};
  const clock: Clock = {
    ...systemClock,
    schedule(_, task) {
      due = task;
      return { cancel: () => {} };
    },
  };
  reloadOnChange(path, before, clock, () => reloads++);
  for (let look = 0; look < 2; look++) {
    const task = due;
    task();
    await expect.poll(() => due).not.toBe(task);
  }
  expect(reloads).toBe(1);
});

test("of several quick writes only the last is read: no half of a file", async () => {
  const { look, path, write } = watch();
  write("a half");
  await look();
  appendFileSync(path, ", and another");
  await look();
  appendFileSync(path, ", and the rest");
  expect(await look()).toEqual([]);
  expect(await look()).toEqual(["a half, and another, and the rest"]);
});

test("a text of the same length and time is another one", async () => {
  const { look, path, write } = watch();
  utimesSync(path, 1000, 1000);
  await look();
  await look();
  write("third");
  utimesSync(path, 1000, 1000);
  await look();
  expect((await look()).at(-1)).toBe("third");
});

test("an editor that writes beside it and renames is followed, and so is one that first removes", async () => {
  const { look, path } = watch();
  writeFileSync(`${path}~`, "renamed");
  renameSync(`${path}~`, path);
  await look();
  expect(await look()).toEqual(["renamed"]);
  renameSync(path, `${path}.bak`);
  await look();
  writeFileSync(path, "written anew");
  expect(await look()).toEqual(["renamed"]);
  expect(await look()).toEqual(["renamed", "written anew"]);
});

test("a file that stays away is told of once, and read when it is back", async () => {
  const { look, path, write } = watch();
  unlinkSync(path);
  await look();
  await look();
  expect(await look()).toEqual(["missing"]);
  write("back");
  await look();
  expect(await look()).toEqual(["missing", "back"]);
});

test("a link that leads to another file is a change, as when kubelet updates a volume", async () => {
  const volume = mountVolume(directory());
  volume.publish({ "sluice.yaml": "first" });
  const { look } = watch(join(volume.path, "sluice.yaml"), undefined);
  volume.publish({ "sluice.yaml": "other", "more.txt": "1" });
  expect(await look()).toEqual([]);
  expect(await look()).toEqual(["other"]);
  volume.publish({ "sluice.yaml": "third" });
  await look();
  expect(await look()).toEqual(["other", "third"]);
  expect(readdirSync(volume.path).filter((name) => name.startsWith("..2"))).toHaveLength(1);
});

test("a directory of versions behind a link of one's own is followed as well", async () => {
  const root = directory();
  for (const version of ["v1", "v2"]) {
    mkdirSync(join(root, version));
    writeFileSync(join(root, version, "sluice.yaml"), version);
  }
  symlinkSync("v1", join(root, "current"));
  const { look } = watch(join(root, "current", "sluice.yaml"), undefined);
  symlinkSync("v2", join(root, "next"));
  renameSync(join(root, "next"), join(root, "current"));
  await look();
  expect(await look()).toEqual(["v2"]);
});
