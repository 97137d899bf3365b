/** Owns how a program is printed for people: as the code that it stands for. */

import type { Block, Op, Program, Stmt } from "./program";

export function listing(program: Program): string {
  const head = `// ${program.calm ? "calm" : "wild"}, inlineWaitMs ${program.inlineWaitMs}, plugin ${program.plugin ?? "none"}, itemsAtOnce ${program.itemsAtOnce ?? "all"}`;
  return [head, ...blockLines(program.root, "")].join("\n");
}

function blockLines(block: Block, indent: string): string[] {
  return [...stmtLines(block.stmts, indent), `${indent}return ${block.gives}`];
}

function stmtLines(stmts: readonly Stmt[], indent: string): string[] {
  return stmts.flatMap((stmt) => linesOf(stmt, indent));
}

function linesOf(stmt: Stmt, indent: string): string[] {
  const deeper = `${indent}  `;
  switch (stmt.do) {
    case "run":
      return prefixed(opLines(stmt.op, indent), indent, `await${stmt.onError === "throw" ? "!" : ""} `);
    case "start":
      return prefixed(opLines(stmt.op, indent), indent, `start${stmt.watched ? " watched" : ""} `);
    case "native":
      return [
        `${indent}await Promise.${stmt.how}([${stmt.joins ? "" : "  // the rest is abandoned"}`,
        ...stmt.ops.flatMap((op) => opLines(op, deeper)),
        `${indent}])`,
      ];
    case "branches":
      return [
        `${indent}await Promise.${stmt.how}([${stmt.joins ? "" : "  // the rest is abandoned"}`,
        ...stmt.blocks.flatMap((block) => [
          `${deeper}(async () => {`,
          ...stmtLines(block, `${deeper}  `),
          `${deeper}})(),`,
        ]),
        `${indent}])`,
      ];
    case "try":
      return [
        `${indent}try {`,
        ...stmtLines(stmt.body, deeper),
        `${indent}} catch {${stmt.rethrows ? " rethrow " : ""}}`,
      ];
    case "if":
      return [
        `${indent}if (seen % ${stmt.modulus} === 0) {`,
        ...stmtLines(stmt.then, deeper),
        `${indent}} else {`,
        ...stmtLines(stmt.otherwise, deeper),
        `${indent}}`,
      ];
    case "join":
      return [`${indent}join (${stmt.order} started first)`];
    case "ticks":
      return [`${indent}${stmt.count} microtasks`];
    case "gap":
      return [`${indent}gap of ${JSON.stringify(stmt.takes)}`];
    case "throw":
      return [`${indent}throw`];
  }
}

function prefixed(lines: string[], indent: string, prefix: string): string[] {
  const [first = "", ...rest] = lines;
  return [indent + prefix + first.slice(indent.length), ...rest];
}

function opLines(op: Op, indent: string): string[] {
  const deeper = `${indent}  `;
  switch (op.op) {
    case "child":
      return [`${indent}${facts(op)} {`, ...blockLines(op.block, deeper), `${indent}}`];
    case "map":
    case "parallel":
      return [
        `${indent}${facts(op)} [`,
        ...op.items.flatMap((item) => [`${deeper}{`, ...blockLines(item, `${deeper}  `), `${deeper}}`]),
        `${indent}]`,
      ];
    case "combine":
      return [
        `${indent}context.promise.${op.how} ${op.name} [`,
        ...op.members.flatMap((member) => opLines(member, deeper)),
        `${indent}]`,
      ];
    case "invoke":
      if (op.target.fn !== "program") return [`${indent}invoke ${op.name} ${JSON.stringify(op.target)}`];
      return [`${indent}invoke ${op.name} program {`, ...blockLines(op.target.block, deeper), `${indent}}`];
    default:
      return [`${indent}${facts(op)}`];
  }
}

/** The operation's fields, without its parts. */
function facts(op: Op): string {
  const { op: kind, ...rest } = op as unknown as Record<string, unknown>;
  const plain = Object.entries(rest).filter(
    ([key, value]) => !["block", "items", "members"].includes(key) && value !== undefined,
  );
  return `${kind} ${plain.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(" ")}`;
}
