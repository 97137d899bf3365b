/** Owns how messages show a value. */

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
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return Object.prototype.toString.call(value);
  }
}
