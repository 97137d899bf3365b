/**
 * Owns the variables of one case: `${NAME}` in its texts.
 *
 * 1. A variable keeps its first value.
 * 2. Generated values depend on the seed alone, so that a failure can be repeated.
 */

import type { YamlValue } from "./cases";

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const WHOLE_REFERENCE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const GENERATED = /^\$\{GEN_STR:(\d+)\}$/;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

export class Variables {
  readonly #values: Map<string, unknown>;

  constructor(values: Iterable<readonly [string, unknown]> = []) {
    this.#values = new Map(values);
  }

  /** The variables that a case defines; `${GEN_STR:n}` becomes n letters. */
  static define(definitions: Readonly<Record<string, string>>, seed: string): Variables {
    const variables = new Variables();
    for (const [name, definition] of Object.entries(definitions)) {
      const length = GENERATED.exec(definition)?.[1];
      variables.bind(name, length === undefined ? definition : generated(Number(length), `${seed} ${name}`));
    }
    return variables;
  }

  /** A copy that can be bound without a trace here. */
  copy(): Variables {
    return new Variables(this.#values);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): unknown {
    return this.#values.get(name);
  }

  bind(name: string, value: unknown): void {
    if (!this.#values.has(name)) this.#values.set(name, value);
  }

  /** The name in a text that is one reference and nothing else. */
  static nameIn(text: string): string | undefined {
    return WHOLE_REFERENCE.exec(text)?.[1];
  }

  /** Replaces every reference in a text. `write` decides how a value is put into it. */
  substitute(text: string, write: (value: string) => string = (value) => value): string {
    return text.replace(REFERENCE, (_reference, name: string) => {
      if (!this.#values.has(name)) throw new Error(`\${${name}} has no value here`);
      return write(String(this.#values.get(name)));
    });
  }

  /** Replaces every reference in a value, at any depth. */
  resolve(value: YamlValue): YamlValue {
    if (typeof value === "string") return this.substitute(value);
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value) as [string, YamlValue][];
    return Object.fromEntries(entries.map(([key, item]) => [key, this.resolve(item)]));
  }
}

/** Letters only: a value of digits would be a number to JSON. */
function generated(length: number, seed: string): string {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ (character.codePointAt(0) as number), 0x01000193);
  let text = "";
  while (text.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += LETTERS[(state >>> 16) % LETTERS.length];
  }
  return text;
}
