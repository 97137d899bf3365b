/**
 * Owns a local DynamoDB for tests: a process of `@dynoxide/linux-x64` on a free port, with its data in memory.
 *
 * It ends with the process that started it, also when that one is killed: a pipe tells its keeper.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { DynamoDBClient, type DynamoDBClientConfig, ListTablesCommand } from "@aws-sdk/client-dynamodb";

export interface DynamoDbEngine {
  readonly endpoint: string;
  /** A client of the engine, without retries of its own unless asked for. */
  client(config?: DynamoDBClientConfig): DynamoDBClient;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;
const START_ATTEMPTS = 3;

/** @throws Error that says what to do when there is no engine for this platform. */
export function startDynamoDb(): Promise<DynamoDbEngine> {
  return startEngine([binaryPath()]);
}

/** Starts the engine that this command is, with `--port` and a free port behind it. */
export async function startEngine(command: readonly string[]): Promise<DynamoDbEngine> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const keeper = spawnKept([...command, "--port", String(port)]);
    const engine = engineAt(`http://127.0.0.1:${port}`, keeper);
    try {
      await untilItAnswers(engine, keeper);
      return engine;
    } catch (error) {
      await engine.stop();
      // Somebody else may have taken the port in between.
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

export function clientOf(endpoint: string, config: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
    ...config,
  });
}

function binaryPath(): string {
  try {
    return require.resolve("@dynoxide/linux-x64/dynoxide");
  } catch (cause) {
    throw new Error(
      "there is no local DynamoDB for this platform: the optional dependency @dynoxide/linux-x64 is for Linux on x64, " +
        "where npm ci installs it",
      { cause },
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Ends the engine when its own standard input ends, as it does when the process that has the other end is gone. */
const KEEPER = `
  const { spawn } = require("node:child_process");
  const engine = spawn(process.argv[1], process.argv.slice(2), { stdio: "ignore" });
  const end = () => engine.kill("SIGKILL");
  engine.once("error", () => process.exit(1));
  engine.once("exit", () => process.exit(0));
  process.stdin.once("end", end).once("error", end).resume();
  process.once("SIGTERM", end);
`;

function spawnKept(command: readonly string[]): ChildProcess {
  return spawn(process.execPath, ["-e", KEEPER, ...command], { stdio: ["pipe", "ignore", "inherit"] });
}

function engineAt(endpoint: string, keeper: ChildProcess): DynamoDbEngine {
  const clients: DynamoDBClient[] = [];
  const exited = once(keeper, "exit");
  return {
    endpoint,
    client(config) {
      const client = clientOf(endpoint, config);
      clients.push(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.destroy();
      keeper.stdin?.end();
      await exited;
    },
  };
}

async function untilItAnswers(engine: DynamoDbEngine, keeper: ChildProcess): Promise<void> {
  const client = engine.client();
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await client.send(new ListTablesCommand({}));
      return;
    } catch (cause) {
      if (keeper.exitCode !== null || Date.now() > deadlineMs)
        throw new Error(`the local DynamoDB does not answer at ${engine.endpoint}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
