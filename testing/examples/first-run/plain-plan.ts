/** Owns the same plan as an ordinary loop, in one process and without a record: what the workflow's result must equal. */

import {
  CONTINENTS,
  chooseLanguages,
  choosePrice,
  factsOf,
  type LaunchPlan,
  launchPlan,
  mergeRegions,
  type PlanInput,
  readersByLanguage,
  regionsOf,
  summarizeRegion,
  type TerritoryPlan,
  territoryCodes,
  translationCostCents,
} from "./territory-plan";

export function plainPlan(input: PlanInput, approvedBy: string): LaunchPlan {
  const plans: TerritoryPlan[] = [];
  const rejected: string[] = [];
  for (const territory of territoryCodes()) {
    try {
      const facts = factsOf(territory);
      const priceCents = choosePrice(facts, input.fullPriceCents);
      const choice = chooseLanguages(facts, input.minimumReach);
      plans.push({ territory, currency: facts.currency, priceCents, ...choice });
    } catch {
      rejected.push(territory);
    }
  }
  const continents = CONTINENTS.map((continent) => {
    const regions = regionsOf(continent).map((region) => summarizeRegion(region, plans));
    return mergeRegions(continent, regions);
  });
  const readers = Object.values(readersByLanguage(plans));
  return launchPlan({
    plans,
    rejected,
    continents,
    languages: readers.length,
    translationCostCents: readers.reduce((sum, people) => sum + translationCostCents(people), 0),
    approvedBy,
  });
}
