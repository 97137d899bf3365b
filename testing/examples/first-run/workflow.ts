/**
 * The workflow of the first run: for each territory of the world, in which languages to launch a
 * product and at what price; then totals by region, a budget, an approval and the publication.
 *
 * It is one async function. What its steps have recorded is not run again, whatever happens to the
 * process; see `npm start`.
 */

import { type DurableContext, retryPresets, StepSemantics, withDurableExecution } from "@tidemark/sdk";
import { AttemptLog } from "./attempt-log";
import { askForApproval, call, retryWhenBusy } from "./services";
import {
  CONTINENTS,
  chooseLanguages,
  choosePrice,
  factsOf,
  type LanguageChoice,
  type LaunchPlan,
  launchPlan,
  mergeRegions,
  type PlanInput,
  type RegionSummary,
  readersByLanguage,
  regionsOf,
  summarizeRegion,
  type TerritoryPlan,
  territoryCodes,
  translationCostCents,
} from "./territory-plan";

export const planLaunch = withDurableExecution(
  async (input: PlanInput, context): Promise<LaunchPlan> => {
    const territories = await context.step("list territories", async () => territoryCodes());

    const survey = await context.map(
      "survey",
      territories,
      (item, territory) => surveyTerritory(item, territory, input),
      {
        maxConcurrency: 16,
        completionConfig: { toleratedFailurePercentage: 2 },
        itemNamer: (territory) => territory,
      },
    );
    if (survey.completionReason !== "ALL_COMPLETED") survey.throwIfError();
    const plans = survey.getResults();
    const readers = readersByLanguage(plans);

    // Native promises work: a replay settles them in the order of the live run.
    const [continents, translationCents] = await Promise.all([
      summarizeContinents(context, plans),
      context.invoke<typeof readers, number>("translation budget", "translation-budget", readers),
    ]);

    await context.wait("cooling-off", { seconds: 1 });

    // Whoever has the callback's id may answer, from any process.
    const approvedBy = await context.waitForCallback("approval", askForApproval, {
      timeout: { minutes: 10 },
    });

    // Once or never: if the process dies during it, the step fails with StepInterruptedError.
    return context.step(
      "publish",
      async () =>
        launchPlan({
          plans,
          rejected: survey.failed().map(({ index }) => territories[index] as string),
          continents,
          languages: Object.keys(readers).length,
          translationCostCents: translationCents,
          approvedBy,
        }),
      { semantics: StepSemantics.AtMostOncePerRetry, retryStrategy: retryPresets.noRetry },
    );
  },
  { plugins: [new AttemptLog("plan-launch")] },
);

async function surveyTerritory(
  item: DurableContext,
  territory: string,
  input: PlanInput,
): Promise<TerritoryPlan> {
  const facts = await item.step(
    "read facts",
    ({ attempt }) => call(`facts of ${territory}`, attempt, () => factsOf(territory)),
    { retryStrategy: retryWhenBusy },
  );
  const choices = await item.parallel("choose", [
    (branch) =>
      branch.step(
        "languages",
        ({ attempt }) =>
          call(`languages of ${territory}`, attempt, () => chooseLanguages(facts, input.minimumReach)),
        { retryStrategy: retryWhenBusy },
      ),
    (branch) => branch.step("price", async () => choosePrice(facts, input.fullPriceCents)),
  ]);
  choices.throwIfError();
  const [choice, priceCents] = choices.getResults() as [LanguageChoice, number];
  return { territory, currency: facts.currency, priceCents, ...choice };
}

/** Continents side by side, and the regions of each side by side. */
async function summarizeContinents(
  context: DurableContext,
  plans: readonly TerritoryPlan[],
): Promise<RegionSummary[]> {
  const continents = await context.map("continents", [...CONTINENTS], async (branch, continent) => {
    const regions = await branch.map("regions", [...regionsOf(continent)], (leaf, region) =>
      leaf.step("summarize", async () => summarizeRegion(region, plans)),
    );
    regions.throwIfError();
    return mergeRegions(continent, regions.getResults());
  });
  continents.throwIfError();
  return continents.getResults();
}

/** Invoked by the plan: an execution of its own, with a history of its own. */
export const translationBudget = withDurableExecution(
  async (readers: Readonly<Record<string, number>>, context): Promise<number> => {
    const offers = await context.map(
      "offers",
      Object.entries(readers),
      (item, [language, people]) =>
        item.step(
          "ask",
          ({ attempt }) => call(`offer for ${language}`, attempt, () => translationCostCents(people)),
          { retryStrategy: retryWhenBusy },
        ),
      { maxConcurrency: 32 },
    );
    offers.throwIfError();
    return offers.getResults().reduce((sum, cents) => sum + cents, 0);
  },
  { plugins: [new AttemptLog("translation-budget")] },
);
