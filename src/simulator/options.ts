import { ApiError } from "./errors.ts";

/** One option of a model name: how its text is read, and what holds when it is not given. */
interface Option<Value> {
  /** How a value is written, for docs and messages. */
  readonly form: string;
  readonly description: string;
  readonly absent: Value;
  /** Undefined where the text does not fit the form. */
  readonly read: (raw: string) => Value | undefined;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
export type Values<O extends Options> = { readonly [Key in keyof O]: O[Key]["absent"] };
export type RawOptions = ReadonlyMap<string, string>;

export interface OptionDescription {
  readonly name: string;
  readonly form: string;
  readonly description: string;
}

/** A day: far under the 2^31 ms at which setTimeout overflows. */
const maxDurationMs = 86_400_000;
const durationForm = /^(-?\d+(?:\.\d+)?)(ms|s)$/;
const bytesForm = /^(\d+)(B|KiB|MiB|GiB)?$/;
const byteUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function durationOf(raw: string): number | undefined {
  const match = durationForm.exec(raw);
  const ms = Number(match?.[1]) * (match?.[2] === "s" ? 1000 : 1);
  return Math.abs(ms) <= maxDurationMs ? ms : undefined;
}

/** Milliseconds, written `200ms` or `2s`, up to a day. */
export function duration<Absent extends number | undefined>(
  description: string,
  absent: Absent,
  { leastMs = 0 }: { leastMs?: number } = {},
): Option<number | Absent> {
  const read = (raw: string) => {
    const ms = durationOf(raw);
    return ms !== undefined && ms >= leastMs ? ms : undefined;
  };
  const form = leastMs > 0 ? `a duration (200ms, 2s) of at least ${leastMs}ms` : "a duration (200ms, 2s)";
  return { form, description, absent, read };
}

/** Milliseconds from now, negative for the past. */
export function offset(description: string): Option<number | undefined> {
  return { form: "a duration (30s, -30s)", description, absent: undefined, read: durationOf };
}

/** A whole number from `least` to `most`. */
export function count<Absent extends number | undefined>(
  description: string,
  absent: Absent,
  { least = 0, most = 1_000_000_000 }: { least?: number; most?: number } = {},
): Option<number | Absent> {
  const read = (raw: string) => {
    const value = /^\d+$/.test(raw) ? Number(raw) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  };
  return { form: `a whole number from ${least} to ${most}`, description, absent, read };
}

/** How many a second; 0 means as fast as possible. */
export function rate(description: string): Option<number> {
  const read = (raw: string) => (/^\d+(\.\d+)?$/.test(raw) ? Number(raw) : undefined);
  return { form: "a number a second", description, absent: 0, read };
}

/** A size, written `1000`, `64KiB` or `50MiB`. */
export function bytes<Absent extends number | undefined>(description: string, absent: Absent): Option<number | Absent> {
  const read = (raw: string) => {
    const match = bytesForm.exec(raw);
    const size = Number(match?.[1]) * (byteUnits[match?.[2] ?? "B"] ?? Number.NaN);
    return Number.isSafeInteger(size) ? size : undefined;
  };
  return { form: "bytes (1000, 64KiB, 50MiB)", description, absent, read };
}

/** Text that can stand in an HTTP header. */
export function text<Absent extends string | undefined>(description: string, absent: Absent): Option<string | Absent> {
  const read = (raw: string) => (/^[\x20-\x7e]*$/.test(raw) ? raw : undefined);
  return { form: "printable ASCII", description, absent, read };
}

/** One of a few words. */
export function choice<const Word extends string>(
  description: string,
  words: readonly [Word, ...Word[]],
): Option<Word> {
  const read = (raw: string) => words.find((word) => word === raw);
  return { form: words.join(" or "), description, absent: words[0], read };
}

/** Given or not: `:twice`. */
export function flag(description: string): Option<boolean> {
  return { form: "no value", description, absent: false, read: (raw) => (raw === "" ? true : undefined) };
}

/**
 * Splits `name:key=value:flag`. A colon starts an option only where a letter follows and a key ends in `=`, `:` or the end of the
 * name, so that HTTP dates and URLs can be values as they are.
 */
export function parseModelName(model: string): { readonly name: string; readonly raw: RawOptions } {
  const [name = "", ...parts] = model.split(/:(?=[a-z][a-z0-9-]*(?:=|:|$))/);
  const raw = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf("=");
    const key = equals < 0 ? part : part.slice(0, equals);
    if (raw.has(key)) throw refused(`The model name ${quote(model)} gives the option ${quote(key)} more than once.`);
    raw.set(key, equals < 0 ? "" : part.slice(equals + 1));
  }
  return { name, raw };
}

/** Reads the options named in `options`, and leaves the others in `raw` to whoever knows them. */
export function readOptions<O extends Options>(options: O, raw: RawOptions): Values<O> {
  const values = Object.entries(options).map(([name, option]) => {
    const given = raw.get(name);
    if (given === undefined) return [name, option.absent];
    const value = option.read(given);
    if (value === undefined)
      throw refused(`The option ${quote(name)} cannot be ${quote(given)}: it takes ${option.form}.`);
    return [name, value];
  });
  return Object.fromEntries(values) as Values<O>;
}

/** Throws where `raw` has an option that `known` does not list. */
export function refuseUnknownOptions(model: string, known: readonly OptionDescription[], raw: RawOptions): void {
  for (const key of raw.keys()) {
    if (known.some(({ name }) => name === key)) continue;
    const names = known.map(({ name }) => name).join(", ");
    throw refused(`The model ${quote(model)} has no option ${quote(key)}; it has: ${names === "" ? "none" : names}.`);
  }
}

export function describeOptions(options: Options): readonly OptionDescription[] {
  return Object.entries(options).map(([name, { form, description }]) => ({ name, form, description }));
}

function refused(message: string): ApiError {
  return new ApiError(400, message, { param: "model", code: "invalid_model_option" });
}

const quote = (value: string): string => JSON.stringify(value.slice(0, 200));
