/** Completes a callback of the workflow, which goes on at once. */

import { wakingStore } from "@tidemark/lambda";
import { DurableClient } from "@tidemark/runtime";
import { openStore } from "./open-store";

interface Approval {
  readonly callbackId: string;
  readonly by: string;
}

let client: Promise<DurableClient> | undefined;

export async function handler({ callbackId, by }: Approval): Promise<void> {
  client ??= openStore().then((store) => new DurableClient({ store: wakingStore(store) }));
  await (await client).sendCallbackSuccess(callbackId, `approved by ${by}`);
}
