/** Owns how messages show a value. */

/** Longer values are cut off: what is wrong with them is at their beginning, and a message may be recorded. */
const MAX_LENGTH = 300;

/** JSON, or what the value is where JSON would hide it (`NaN`, `5n`, a function) or refuse it. Never throws. */
export function valueText(value: unknown): string {
  switch (typeof value) {
    case "number":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return `function ${value.name || "(anonymous)"}`;
    case "symbol":
      return value.toString();
  }
  if (value instanceof Promise) return "a promise";
  try {
    const text = JSON.stringify(value) ?? typeof value;
    return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  } catch {
    return Object.prototype.toString.call(value);
  }
}
