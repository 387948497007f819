/** Says on standard error what is being done: in one line on a terminal, in many elsewhere. */
export class Progress {
  readonly #steps: number;
  readonly #rewrites = process.stderr.isTTY === true;
  #done = 0;

  constructor(steps: number) {
    this.#steps = steps;
  }

  step(what: string): void {
    const line = `[${++this.#done}/${this.#steps}] ${what}`;
    process.stderr.write(this.#rewrites ? `\r${line}\x1b[K` : `${line}\n`);
  }

  end(): void {
    if (this.#rewrites) process.stderr.write("\r\x1b[K");
  }
}
