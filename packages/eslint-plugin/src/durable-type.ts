/** Owns what the types say, where the parser gives them: `parserServices` of `@typescript-eslint/parser` with a project. */

import type { SourceCode } from "eslint";
import type * as ESTree from "estree";

/** The part of TypeScript's checker and of the parser's services that is used. */
interface TypedServices {
  readonly program?: { getTypeChecker(): { getTypeAtLocation(node: unknown): Type } } | null;
  readonly esTreeNodeToTSNodeMap?: { get(node: ESTree.Node): unknown };
}

interface Type {
  readonly symbol?: { readonly name: string };
  getProperty?(name: string): unknown;
}

export function hasTypes({ parserServices }: SourceCode): boolean {
  const { program, esTreeNodeToTSNodeMap } = parserServices as TypedServices;
  return program != null && esTreeNodeToTSNodeMap !== undefined;
}

/** `undefined` when there are no types. */
export function typeOf(node: ESTree.Node, sourceCode: SourceCode): Type | undefined {
  const { program, esTreeNodeToTSNodeMap } = sourceCode.parserServices as TypedServices;
  if (program == null || esTreeNodeToTSNodeMap === undefined) return undefined;
  const mapped = esTreeNodeToTSNodeMap.get(node);
  return mapped === undefined ? undefined : program.getTypeChecker().getTypeAtLocation(mapped);
}

/** What every operation returns, in either SDK. */
export function isDurablePromise(type: Type | undefined): boolean {
  return type?.symbol?.name === "DurablePromise";
}

export function isDurableContext(type: Type | undefined): boolean {
  return type?.symbol?.name === "DurableContext";
}

export function isThenable(type: Type): boolean {
  return type.getProperty?.("then") !== undefined;
}
