/** One thing that is wrong with a configuration: where, and what to do about it. */
export interface Problem {
  /** Path in the file's own names: `providers.openai.base_url`. Empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A configuration that cannot be used, with everything that is wrong about it. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Takes what is wrong with a part of the configuration: `key` is the path below that part. */
export type Report = (key: string, message: string) => void;
