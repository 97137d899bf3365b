/** Wakes what is due, once a minute. */

import { wakerHandler } from "@tidemark/lambda";
import { openStore, setting } from "./open-store";

export const handler = wakerHandler({
  store: openStore,
  functions: setting("WORKFLOW_FUNCTIONS").split(","),
});
