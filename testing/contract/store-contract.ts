/**
 * Owns the specification of the store port: what every store does, method by method.
 *
 * A store's own test calls `storeContract` with a way to open it. What only some stores promise
 * follows `manifest`: a store that says it is durable must be able to reopen, and so on.
 */

import type { ExecutionStore } from "@tidemark/store";
import { endingContract } from "./ending-contract";
import { inboxContract } from "./inbox-contract";
import { incarnationContract } from "./incarnation-contract";
import { leaseContract } from "./lease-contract";
import { listingContract } from "./listing-contract";
import { logContract } from "./log-contract";
import { randomWorkloadContract } from "./random-workload-contract";
import { sharingContract } from "./sharing-contract";
import { snapshotContract } from "./snapshot-contract";

export interface StoreFixture {
  /** Empty. */
  readonly store: ExecutionStore;
  /** Closes `store` and opens the same data again. */
  readonly reopen?: (() => Promise<ExecutionStore>) | undefined;
  /** Another store object on the same data, as another process would have it. */
  readonly second?: (() => Promise<ExecutionStore>) | undefined;
  /** Closes whatever is open and removes the data. */
  cleanup(): Promise<void> | void;
}

export function storeContract(name: string, open: () => Promise<StoreFixture>): void {
  describe(`the ${name} store`, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.cleanup());

    const store = () => fixture.store;
    leaseContract(store);
    logContract(store);
    inboxContract(store);
    snapshotContract(store);
    endingContract(store);
    listingContract(store);
    incarnationContract(() => fixture);
    sharingContract(() => fixture);
    randomWorkloadContract(open);
  });
}
