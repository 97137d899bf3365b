/** Owns the input of an execution as the text that is recorded. */

import { TidemarkError, valueText } from "@tidemark/protocol";
import type { StartOptions } from "./client-options.js";

/** @throws TidemarkError `TIDEMARK_INPUT`. */
export function inputText({ input, inputJson }: StartOptions): string | undefined {
  if (inputJson !== undefined) return checkedJson(inputJson, input);
  if (input === undefined) return undefined;
  let text: string | undefined;
  try {
    text = JSON.stringify(input);
  } catch (cause) {
    throw inputError((cause as Error).message, cause);
  }
  // What JSON leaves out is not the same as no input.
  if (text === undefined) throw inputError(`it is ${valueText(input)}`);
  return text;
}

function checkedJson(text: string, input: unknown): string {
  if (input !== undefined) throw inputError("there is inputJson, too");
  // From JavaScript, a number passes for its JSON, and is refused by nobody until it is recorded.
  if (typeof text !== "string")
    throw new TidemarkError(
      "TIDEMARK_INPUT",
      `inputJson is ${valueText(text)}; pass JSON as a text, or the value itself as input`,
    );
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new TidemarkError("TIDEMARK_INPUT", `inputJson is no JSON (${(cause as Error).message})`, {
      cause,
    });
  }
}

function inputError(reason: string, cause?: unknown): TidemarkError {
  const message = `input cannot be written as JSON (${reason}); pass plain data`;
  return new TidemarkError("TIDEMARK_INPUT", message, { cause });
}

/** Strings of JSON, and the space between other things. */
const STRING_OR_SPACE = /("(?:[^"\\]|\\.)*")|\s+/g;

/** Whether two inputs are the same but for the space in them. By their values, large numbers would be taken for others. */
export function isSameInput(recorded: string | undefined, given: string | undefined): boolean {
  if (recorded === given || recorded === undefined || given === undefined) return recorded === given;
  return recorded.replace(STRING_OR_SPACE, "$1") === given.replace(STRING_OR_SPACE, "$1");
}
