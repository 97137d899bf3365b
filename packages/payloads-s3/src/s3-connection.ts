/**
 * Owns how `@aws-sdk/client-s3` is reached. To load it takes longer than to load the rest of a handler, so it is loaded at
 * the first request and only then.
 */

import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { TidemarkError } from "@tidemark/protocol";

export type S3Module = typeof import("@aws-sdk/client-s3");

export interface S3Connection {
  readonly client: S3Client;
  readonly module: S3Module;
}

interface S3ConnectionOptions {
  /** Not destroyed. */
  readonly client?: S3Client | undefined;
  /** For a client of its own. */
  readonly clientConfig?: S3ClientConfig | undefined;
  readonly load?: () => Promise<S3Module>;
}

export class LazyS3 {
  readonly #options: S3ConnectionOptions;
  #connected: Promise<S3Connection> | undefined;

  constructor(options: S3ConnectionOptions) {
    this.#options = options;
  }

  /** Connects at the first call, and again after it has failed. @throws TidemarkError `TIDEMARK_PAYLOAD_STORE`. */
  connect(): Promise<S3Connection> {
    this.#connected ??= this.#connect().catch((error: unknown) => {
      // A later call may try again.
      this.#connected = undefined;
      throw error;
    });
    return this.#connected;
  }

  /** Destroys the client, if there is one of its own. */
  async close(): Promise<void> {
    if (this.#options.client !== undefined) return;
    const connected = await this.#connected?.catch(() => undefined);
    connected?.client.destroy();
  }

  async #connect(): Promise<S3Connection> {
    const { client, clientConfig = {}, load = loadModule } = this.#options;
    let module: S3Module;
    try {
      module = await load();
    } catch (cause) {
      throw new TidemarkError(
        "TIDEMARK_PAYLOAD_STORE",
        `@aws-sdk/client-s3 cannot be loaded (${(cause as Error).message}); install it beside the application, or bundle it`,
        { cause },
      );
    }
    return { client: client ?? new module.S3Client(clientConfig), module };
  }
}

async function loadModule(): Promise<S3Module> {
  try {
    // A literal, so that bundlers take the client in.
    return await import("@aws-sdk/client-s3");
  } catch (error) {
    // Code that runs in a `vm` context, as under Jest, has no `import()`, but has its own `require`.
    const { code } = Object(error) as { readonly code?: unknown };
    if (code !== "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG" || typeof require !== "function") throw error;
    return requireModule("@aws-sdk/client-s3");
  }
}

/** @param name Never a literal here: bundlers that know `import()` need not take the client in twice. */
function requireModule(name: string): S3Module {
  return require(name) as S3Module;
}
