/**
 * Owns a second local DynamoDB, independent of the first and for every platform: `dynalite`, which has no transactions
 * and no TTL. It is installed on first use into `node_modules/.cache/tidemark-dynalite`; deleting that is harmless.
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { run, workspaceDirectory } from "../pack/consumer-project";
import { type DynamoDbEngine, startEngine } from "./dynamodb-engine";

const DYNALITE = "dynalite@4.0.0";

export async function startDynalite(): Promise<DynamoDbEngine> {
  const directory = join(workspaceDirectory, "node_modules/.cache/tidemark-dynalite");
  const program = join(directory, "node_modules/dynalite/cli.js");
  if (!existsSync(program)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true }));
    const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    run("npm", ["install", ...options, DYNALITE], directory);
  }
  return startEngine([process.execPath, program, "--createTableMs", "0"]);
}

/** The engine was asked for an operation that it does not have. */
export class LackingOperation extends Error {
  constructor(readonly operation: string) {
    super(`the engine has no ${operation}`);
  }
}

/** Rejects with {@link LackingOperation} when the client asks for an operation that its engine does not have. */
export function whenLacking(client: DynamoDBClient, but: readonly string[]): Promise<never> {
  const lacking = new Promise<never>((_resolve, reject) => {
    client.middlewareStack.add(
      (next, { commandName = "" }) =>
        async (args) => {
          try {
            return await next(args);
          } catch (error) {
            const operation = commandName.replace(/Command$/, "");
            const isLacking = (error as Error).name === "UnknownOperationException";
            if (isLacking && !but.includes(operation)) reject(new LackingOperation(operation));
            throw error;
          }
        },
      { step: "initialize" },
    );
  });
  lacking.catch(() => {});
  return lacking;
}
