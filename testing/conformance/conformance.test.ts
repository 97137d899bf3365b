/** One test for each conformance case, on the memory store. `npm run conformance` runs more. */

import { createTestRuntime } from "../kit/test-runtime";
import { casesDirectory, loadCases } from "./cases";
import { EXCEPTIONS, MAX_EXCEPTIONS } from "./exceptions";
import { describeFailure } from "./report";
import { runCase } from "./runner";

const loaded = loadCases(casesDirectory());

if (loaded.cases === undefined) {
  // The cases are not part of this repository, so a checkout may be without them.
  const skipped = test.skip;
  skipped(`the conformance cases: ${loaded.missing}`, () => {});
} else {
  describe(`the ${loaded.cases.length} conformance cases`, () => {
    for (const testCase of loaded.cases) {
      it(`${testCase.id} ${testCase.description}`, async () => {
        const report = await runCase(testCase, createTestRuntime);
        const isException = testCase.id in EXCEPTIONS;
        if (!report.passed && !isException) throw new Error(describeFailure(report));
        if (report.passed && isException) throw new Error("it passes; take it off the list of exceptions");
      }, 30_000);
    }

    it("have few exceptions", () => {
      expect(Object.keys(EXCEPTIONS).length).toBeLessThanOrEqual(MAX_EXCEPTIONS);
    });
  });
}
