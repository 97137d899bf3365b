/** Owns what a file imports and exports, by name. */

import { posix } from "node:path";
import { isNode, lineOf, nameOf, type SourceFile, type SyntaxNode, walk } from "./source-file";

export interface ImportedModule {
  readonly specifier: string;
  readonly line: number;
  /** What is taken from the module; `"all"` when it cannot be told name by name. */
  readonly names: readonly string[] | "all";
  /** Whether it is passed on by `export ... from`. */
  readonly isReExport: boolean;
  /** Whether the specifier is an expression and not a text. */
  readonly isComputed: boolean;
}

export interface ExportedName {
  readonly name: string;
  readonly line: number;
}

/** Every static, dynamic, type-only, re-exporting and `require` import of a file. */
export function importsOf(file: SourceFile): ImportedModule[] {
  const imports: ImportedModule[] = [];
  walk(file.root, (node) => {
    const found = importOf(node);
    if (found !== undefined) imports.push(found);
  });
  return imports;
}

function importOf(node: SyntaxNode): ImportedModule | undefined {
  switch (node.type) {
    case "ImportDeclaration":
      return imported(node, node.source, importedNames(node), false);
    case "ExportNamedDeclaration":
      return imported(node, node.source, specifiers(node).map(localName), true);
    case "ExportAllDeclaration":
      return imported(node, node.source, "all", true);
    case "TSImportType":
      return imported(node, node.argument, qualifierNames(node), false);
    case "ImportExpression":
      return imported(node, node.source, "all", false);
    case "TSExternalModuleReference":
      return imported(node, node.expression, "all", false);
    case "CallExpression": {
      const callee = node.callee as SyntaxNode;
      const loads = callee.type === "Import" || nameOf(callee) === "require";
      return loads ? imported(node, (node.arguments as unknown[])[0], "all", false) : undefined;
    }
    default:
      return undefined;
  }
}

function imported(
  node: SyntaxNode,
  source: unknown,
  names: readonly string[] | "all",
  isReExport: boolean,
): ImportedModule | undefined {
  const specifier = nameOf(isNode(source) && source.type === "TSLiteralType" ? source.literal : source);
  if (specifier === undefined) return undefined;
  const isComputed = isNode(source) && source.type === "Identifier";
  return { specifier, line: lineOf(node), names, isReExport, isComputed };
}

function specifiers(node: SyntaxNode): SyntaxNode[] {
  return (node.specifiers as SyntaxNode[] | undefined) ?? [];
}

function importedNames(node: SyntaxNode): string[] | "all" {
  const all = specifiers(node);
  if (all.some((specifier) => specifier.type === "ImportNamespaceSpecifier")) return "all";
  return all.map((specifier) =>
    specifier.type === "ImportDefaultSpecifier" ? "default" : (nameOf(specifier.imported) as string),
  );
}

function localName(specifier: SyntaxNode): string {
  return nameOf(specifier.local) ?? "all";
}

function qualifierNames(node: SyntaxNode): string[] | "all" {
  let qualifier = node.qualifier;
  while (isNode(qualifier) && qualifier.type === "TSQualifiedName") qualifier = qualifier.left;
  const name = nameOf(qualifier);
  return name === undefined ? "all" : [name];
}

/** Every name that a file exports, but for `export *`. */
export function exportsOf(file: SourceFile): ExportedName[] {
  return (file.root.body as SyntaxNode[]).flatMap((statement) => {
    const line = lineOf(statement);
    if (statement.type === "ExportDefaultDeclaration") return [{ name: "default", line }];
    if (statement.type !== "ExportNamedDeclaration") return [];
    const listed = specifiers(statement).map((specifier) => ({
      name: nameOf(specifier.exported) as string,
      line: lineOf(specifier),
    }));
    const declared = declaredNames(statement.declaration).map((name) => ({ name, line }));
    return [...listed, ...declared];
  });
}

function declaredNames(declaration: unknown): string[] {
  if (!isNode(declaration)) return [];
  if (declaration.type !== "VariableDeclaration") return [nameOf(declaration.id) ?? "?"];
  return (declaration.declarations as SyntaxNode[]).flatMap((each) => patternNames(each.id));
}

function patternNames(pattern: unknown): string[] {
  if (!isNode(pattern)) return [];
  switch (pattern.type) {
    case "ObjectPattern":
      return (pattern.properties as SyntaxNode[]).flatMap((each) =>
        patternNames(each.value ?? each.argument),
      );
    case "ArrayPattern":
      return (pattern.elements as unknown[]).flatMap(patternNames);
    case "AssignmentPattern":
      return patternNames(pattern.left);
    case "RestElement":
      return patternNames(pattern.argument);
    default:
      return [nameOf(pattern) ?? "?"];
  }
}

/** The path of the source that a relative specifier stands for. */
export function resolveRelative(fromPath: string, specifier: string): string {
  const path = posix.join(posix.dirname(fromPath), specifier).replace(/\.js$/, "");
  return /\.(ts|mts|cts|mjs|cjs|json)$/.test(path) ? path : `${path}.ts`;
}
