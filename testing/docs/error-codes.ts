/**
 * Owns which errors the sources know: stable codes, and the types that executions record beside the
 * classes of errors. Each has a page in `docs/errors`.
 */

/** `TIDEMARK_DURATION`, `Callback.Timeout`. */
export type ErrorCode = string;

const CODE = /["'`](TIDEMARK_[A-Z_]*[A-Z])["'`]/g;
const RECORDED_TYPE = /\bErrorType: "([A-Za-z]+(?:\.[A-Za-z]+)+)"/g;

/** A family of codes that one function makes: `TIDEMARK_STORE_${name}`, and its calls with the rest of the code. */
const FAMILY = /`(TIDEMARK_[A-Z_]+_)\$\{name\}`/;
const FAMILY_CALL = /\bfailure\(\s*"([A-Z_]+)"/g;

/** The codes and recorded types in a source, docstrings included: a code that is promised has a page. */
export function errorCodesIn(source: string): ErrorCode[] {
  const all = (pattern: RegExp): string[] => [...source.matchAll(pattern)].map(([, name]) => name as string);
  const prefix = FAMILY.exec(source)?.[1];
  const family = prefix === undefined ? [] : all(FAMILY_CALL).map((name) => `${prefix}${name}`);
  return [...new Set([...all(CODE), ...all(RECORDED_TYPE), ...family])];
}

/** The file of a code's page: `tidemark-duration.md`, `callback-timeout.md`, `runtime-exit-error.md`. */
export function pageOf(code: ErrorCode): string {
  const words = code.replaceAll(/[._]/g, "-").replaceAll(/([a-z])([A-Z])/g, "$1-$2");
  return `${words.toLowerCase()}.md`;
}
