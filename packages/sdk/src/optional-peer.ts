/** Owns how a package that need not be installed is loaded: when it is needed, and only then. */

import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * The module of an optional peer.
 *
 * `import()` looks beside the code, and not in `NODE_PATH`, where Lambda's runtimes have the AWS SDK for bundled functions:
 * `require` looks there, too. Code that runs in a `vm` context, as under Jest, has no `import()`, but has its own `require`.
 *
 * @param name Never a literal, so that bundlers leave the package alone.
 * @throws what `import()` throws.
 */
export async function loadOptionalPeer(name: string): Promise<unknown> {
  try {
    return await import(name);
  } catch (error) {
    switch ((error as { readonly code?: unknown } | null)?.code) {
      case "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG":
        if (typeof require !== "function") throw error;
        return require(name);
      case "ERR_MODULE_NOT_FOUND":
        return requireFromHere(name, error);
      default:
        throw error;
    }
  }
}

function requireFromHere(name: string, error: unknown): unknown {
  try {
    // The file need not exist: only its folder counts, and NODE_PATH.
    return createRequire(join(process.cwd(), "application.js"))(name);
  } catch {
    throw error;
  }
}
