/**
 * Owns how `@aws-sdk/client-lambda` is reached. It is an optional peer, which the Node.js runtimes of Lambda bring: it
 * is loaded at the first call and only then.
 */

import { TidemarkError } from "@tidemark/protocol";
import { loadOptionalPeer } from "./optional-peer.js";

/** The part of a `LambdaClient` that is used. */
export interface LambdaSender {
  send(command: unknown): Promise<unknown>;
}

/** The module `@aws-sdk/client-lambda`, as far as it is used: commands by their names. */
export type LambdaModule<Command extends string> = {
  readonly LambdaClient: new (config: object) => LambdaSender;
} & Readonly<Record<Command, new (input: object) => unknown>>;

export interface LambdaConnection<Command extends string> {
  readonly client: LambdaSender;
  readonly module: LambdaModule<Command>;
}

interface LambdaConnectionOptions {
  /** What cannot be done without the AWS SDK and what to do about it, in the words of the caller. */
  readonly missing: (packageName: string) => string;
  /** Of the client that is made. */
  readonly config?: object;
}

/** A request that hangs must not take the whole time of an invocation. Source: AWS SDK 2.4, its default client. */
const CLIENT_CONFIG = {
  requestHandler: { connectionTimeout: 5000, requestTimeout: 55_000, throwOnRequestTimeout: true },
};

/**
 * Gives a function that connects at its first call, and again after it has failed.
 *
 * @param given A client of the user's. Default: one with the AWS SDK's own configuration.
 * @throws TidemarkError from what it gives: `TIDEMARK_LAMBDA_CLIENT`.
 */
export function lambdaConnection<Command extends string>(
  given: LambdaSender | undefined,
  { missing, config = CLIENT_CONFIG }: LambdaConnectionOptions,
): () => Promise<LambdaConnection<Command>> {
  let connected: Promise<LambdaConnection<Command>> | undefined;
  return () => {
    connected ??= loadModule<Command>(missing).then(
      (module) => ({ client: given ?? new module.LambdaClient(config), module }),
      (error: unknown) => {
        // A later call may try again.
        connected = undefined;
        throw error;
      },
    );
    return connected;
  };
}

async function loadModule<Command extends string>(
  missing: (packageName: string) => string,
): Promise<LambdaModule<Command>> {
  // Not a literal, so that bundlers leave the optional peer alone.
  const name = "@aws-sdk/client-lambda";
  try {
    const loaded = (await loadOptionalPeer(name)) as LambdaModule<Command> & {
      default?: LambdaModule<Command>;
    };
    return loaded.LambdaClient === undefined ? (loaded.default as LambdaModule<Command>) : loaded;
  } catch (cause) {
    throw new TidemarkError("TIDEMARK_LAMBDA_CLIENT", missing(name), { cause });
  }
}
