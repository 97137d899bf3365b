import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const workspace = resolve(fileURLToPath(new URL(".", import.meta.url)), "../../..");

export default {
  root: workspace,
  cacheDir: resolve(workspace, "node_modules/.cache/vitest"),
  // On the sources, as under Jest.
  resolve: {
    alias: [{ find: /^@tidemark\/([a-z0-9-]+)$/, replacement: `${workspace}/packages/$1/src/index.ts` }],
  },
  test: { include: ["testing/testkit/documented/vitest.spec.ts"] },
};
