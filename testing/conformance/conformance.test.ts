/** One test for each conformance case, on the memory store. `npm run conformance` runs more. */

import { createTestRuntime } from "../kit/test-runtime";
import { casesDirectory, loadCases } from "./cases";
import { EXCEPTIONS, EXCEPTIONS_WITH_PAYLOADS, MAX_EXCEPTIONS } from "./exceptions";
import { describeFailure } from "./report";
import { runCase } from "./runner";
import { runtimesOn, settingsOf } from "./stores";

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

    it.each([EXCEPTIONS, EXCEPTIONS_WITH_PAYLOADS.rebuild, EXCEPTIONS_WITH_PAYLOADS.store])(
      "have few exceptions",
      (exceptions) => {
        expect(Object.keys(exceptions).length).toBeLessThanOrEqual(MAX_EXCEPTIONS);
      },
    );

    describe.each(settingsOf("payloads"))(
      "with a payload store and contextResults $contextResults",
      (setting) => {
        const excepted = loaded.cases.filter(({ id }) => id in EXCEPTIONS_WITH_PAYLOADS.store);

        it.each(excepted)("$id passes unless it is excepted", async (testCase) => {
          const runtimes = await runtimesOn("payloads", setting);
          const report = await runCase(testCase, runtimes.create);
          await runtimes.close();
          if (!report.passed && !(testCase.id in setting.exceptions))
            throw new Error(describeFailure(report));
          expect(report.passed).toBe(!(testCase.id in setting.exceptions));
        });
      },
    );
  });
}
