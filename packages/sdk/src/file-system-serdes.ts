/**
 * Owns payloads that are kept as files, so that the log holds a pointer in their place.
 *
 * 1. The pointer is returned only after the file is complete and in its place: whoever reads it
 *    finds either the whole value or, before that, no pointer.
 * 2. A file is named by its execution and its operation, so that replay writes it to the same place.
 * 3. Nothing is written outside of the base path, whatever an ARN or an id contains.
 */

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TidemarkError } from "@tidemark/protocol";
import { valueText } from "./duration.js";
import { type AnySerdes, type SerdesContext, serializeJson } from "./serdes.js";

/** When a value goes to a file. */
// biome-ignore lint/style/noEnum: a public name of the AWS SDK, which code uses as an enum.
export enum FileSystemSerdesMode {
  /** Always: payloads in the log are small and of much the same size. */
  ALWAYS = "ALWAYS",
  /** Only when it would take more than 255 KB in the log. */
  OVERFLOW = "OVERFLOW",
}

/** How an execution's ARN and an operation's id become the names of a directory and a file. */
// biome-ignore lint/style/noEnum: a public name of the AWS SDK, which code uses as an enum.
export enum FileSystemPathEncoding {
  /** Readable: `<function name>/<execution name>/<invocation id>/<entity id>.json`. */
  URI = "URI",
  /** SHA-256 in hex for both: 64 characters each, whatever the ARN and the id contain. */
  HASH = "HASH",
}

/** Options of {@link createFileSystemSerdes}. */
export interface FileSystemSerdesConfig {
  /** Default `FileSystemSerdesMode.ALWAYS`. */
  storageMode?: FileSystemSerdesMode;
  /** Default `FileSystemPathEncoding.URI`. Entity ids of more than 250 bytes need `HASH`. */
  pathEncoding?: FileSystemPathEncoding;
  /**
   * Makes the preview that stands in the log beside the pointer; `undefined` for none. Called only
   * for values that go to a file. {@link buildPreview} selects and masks fields.
   */
  generatePreview?: (value: unknown) => Record<string, unknown> | undefined;
}

/** Largest inline payload: 256 KB less 1 KB for what surrounds it. Source: Lambda durable API, 256 KB payload. */
const MAX_INLINE_BYTES = 255 * 1024;

/**
 * A serdes that keeps values as JSON files below `basePath` and a pointer to them in the log.
 *
 * The payload is `{"data":"<JSON>"}` for a value that stays in the log (mode `OVERFLOW`, up to
 * 255 KB), and `{"file":"<path>"}` or `{"file":"<path>","preview":{…}}` for one in a file.
 * `undefined` has no payload and no file. Directories are made as needed; a value that is written
 * again replaces its file at once.
 *
 * Every process that may run the execution must see the same files, now and after a restart: use
 * EFS, S3 Files or another shared mount, never Lambda's `/tmp`. Files are not deleted with their
 * execution. Reading follows the path in the payload, so old pointers stay good when `basePath` changes.
 *
 * @throws TidemarkError `TIDEMARK_FILE_SERDES` for a bad argument, at once; and, as rejections, when a
 * file is missing or damaged or cannot be written, when a payload is not of this serdes, and when
 * `generatePreview` throws. `TIDEMARK_SERIALIZE` for a value that JSON cannot carry.
 *
 * @example
 * ```ts
 * const serdes = createFileSystemSerdes("/mnt/efs", {
 *   storageMode: FileSystemSerdesMode.OVERFLOW,
 *   generatePreview: (value) =>
 *     buildPreview(value, { mode: PreviewMode.EXCLUDE_ALL, include: [{ name: "id" }] }),
 * });
 * ```
 */
export function createFileSystemSerdes(basePath: string, config: FileSystemSerdesConfig = {}): AnySerdes {
  if (typeof basePath !== "string" || basePath.trim() === "") {
    throw fileError(
      `basePath of createFileSystemSerdes is ${valueText(basePath)}: give the directory of a shared file system`,
    );
  }
  const { storageMode = FileSystemSerdesMode.ALWAYS, pathEncoding = FileSystemPathEncoding.URI } = config;
  checkChoice("storageMode", storageMode, FileSystemSerdesMode);
  checkChoice("pathEncoding", pathEncoding, FileSystemPathEncoding);
  return {
    serialize: async (value: unknown, context) => {
      const json = serializeJson(value);
      if (json === undefined) return undefined;
      if (storageMode === FileSystemSerdesMode.OVERFLOW) {
        const inline = inlineEnvelope(json);
        if (inline !== undefined) return inline;
      }
      const file = join(basePath, ...pathOf(context, pathEncoding));
      const preview = previewOf(value, config);
      const pointer = serializeJson(preview === undefined ? { file } : { file, preview });
      await writeWhole(file, json);
      return pointer;
    },
    deserialize: async (data, context) => {
      if (data === undefined) return undefined;
      const envelope = parseEnvelope(data, context);
      if ("file" in envelope) return readValue(envelope.file, context);
      return parseJson(envelope.data, `the payload of ${entityText(context)}`);
    },
  };
}

function checkChoice(option: string, value: string, choices: Record<string, string>): void {
  const values = Object.values(choices);
  if (values.includes(value)) return;
  throw fileError(`${option} of createFileSystemSerdes is ${valueText(value)}: give ${values.join(" or ")}`);
}

/** The payload that carries the value itself, or `undefined` when that is too large for the log. */
function inlineEnvelope(json: string): string | undefined {
  if (json.length > MAX_INLINE_BYTES) return undefined;
  const envelope = JSON.stringify({ data: json });
  return Buffer.byteLength(envelope) > MAX_INLINE_BYTES ? undefined : envelope;
}

function previewOf(value: unknown, config: FileSystemSerdesConfig): unknown {
  try {
    return config.generatePreview?.(value) ?? undefined;
  } catch (error) {
    throw fileError(
      `generatePreview of createFileSystemSerdes threw (${messageOf(error)}): return undefined where there is nothing to show`,
      error,
    );
  }
}

/** Executions of Lambda, whose ARN names a version of the function, and of Tidemark, whose ARN does not. */
const EXECUTION_ARN =
  /^arn:[^:]+:(?:lambda|durable):[^:]*:[^:]*:function:([^:/]+)(?::[^:/]+)?\/durable-execution\/([^/]+)\/([^/]+)$/;

function pathOf(context: SerdesContext, encoding: FileSystemPathEncoding): readonly string[] {
  const { durableExecutionArn, entityId } = context;
  if (encoding === FileSystemPathEncoding.HASH) {
    return [sha256(durableExecutionArn), `${sha256(entityId)}.json`];
  }
  const names = EXECUTION_ARN.exec(durableExecutionArn)?.slice(1) ?? [];
  const isReadable = names.length > 0 && names.every(isPlainName);
  const directories = isReadable ? names : [encodeURIComponent(durableExecutionArn)];
  return [...directories, `${encodeURIComponent(entityId)}.json`];
}

/** False for names that a file system reads as something else: they would lead out of the base path. */
function isPlainName(name: string): boolean {
  return name !== "." && name !== ".." && !name.includes("\\") && !name.includes("\0");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Writes beside the file and renames, so that a crash leaves the file as it was or as it shall be. */
async function writeWhole(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(unfinished, "wx");
    try {
      await handle.writeFile(text, "utf8");
      // The log will hold a pointer to this file, so it must be as durable as the log.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw fileError(
      `file ${file} cannot be written (${messageOf(error)}): check that basePath of createFileSystemSerdes is mounted, writable and not full`,
      error,
    );
  }
}

async function readValue(file: string, context: SerdesContext): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const isMissing = (error as { code?: unknown }).code === "ENOENT";
    throw fileError(
      `file ${file} with the value of ${entityText(context)} ${isMissing ? "is missing" : "cannot be read"} (${messageOf(error)}): check that this process mounts the file system on which it was written, that it is not a local one such as /tmp, and that nothing deletes files of executions that still run`,
      error,
    );
  }
  return parseJson(text, `file ${file} with the value of ${entityText(context)}`);
}

function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw fileError(
      `${subject} is damaged: it is not JSON (${messageOf(error)}); restore it from a backup`,
      error,
    );
  }
}

function parseEnvelope(payload: string, context: SerdesContext): { file: string } | { data: string } {
  let envelope: unknown;
  try {
    envelope = JSON.parse(payload);
  } catch {
    envelope = undefined;
  }
  if (typeof envelope === "object" && envelope !== null) {
    const { file, data } = envelope as { file?: unknown; data?: unknown };
    if (typeof file === "string") return { file };
    if (typeof data === "string") return { data };
  }
  throw fileError(
    `the payload of ${entityText(context)} was not written by createFileSystemSerdes: it is neither {"data":…} nor {"file":…}; give the operation the serdes that wrote it`,
  );
}

function entityText(context: SerdesContext): string {
  return `entity ${context.entityId} of ${context.durableExecutionArn}`;
}

function messageOf(error: unknown): string {
  return String((error as { message?: unknown } | undefined)?.message ?? error);
}

function fileError(message: string, cause?: unknown): TidemarkError {
  return new TidemarkError("TIDEMARK_FILE_SERDES", message, { cause });
}
