/**
 * Owns what the launch plan says: pure functions over records of the Unicode CLDR.
 *
 * Nothing here knows of durable execution. The workflow runs these functions in its steps, and
 * `plain-plan.ts` runs them in a loop, so that the two results can be compared.
 */

import currencyData from "cldr-core/supplemental/currencyData.json";
import containmentData from "cldr-core/supplemental/territoryContainment.json";
import territoryData from "cldr-core/supplemental/territoryInfo.json";

export interface PlanInput {
  /** Share of a territory's people, in percent, who must be able to read the product. */
  readonly minimumReach: number;
  /** Price where people earn most. */
  readonly fullPriceCents: number;
}

export interface Facts {
  readonly population: number;
  readonly gdpPerHead: number;
  readonly currency: string;
  readonly languages: readonly { readonly language: string; readonly percent: number }[];
}

export interface LanguageChoice {
  readonly languages: readonly string[];
  readonly people: number;
}

/** What the plan says about one territory. */
export interface TerritoryPlan extends LanguageChoice {
  readonly territory: string;
  readonly currency: string;
  readonly priceCents: number;
}

export interface RegionSummary {
  readonly region: string;
  readonly territories: number;
  readonly people: number;
  readonly meanPriceCents: number;
}

export interface LaunchPlan {
  readonly territories: number;
  readonly rejected: readonly string[];
  readonly people: number;
  readonly languages: number;
  readonly translationCostCents: number;
  readonly continents: readonly RegionSummary[];
  readonly approvedBy: string;
}

interface TerritoryRecord {
  readonly _population: string;
  readonly _gdp: string;
  readonly languagePopulation?: Readonly<Record<string, { readonly _populationPercent: string }>>;
}

interface CurrencyUse {
  readonly _from?: string;
  readonly _to?: string;
  readonly _tender?: string;
}

// The JSON modules have a type of their own for each of some hundred keys; these say what is in all of them.
const TERRITORIES: Readonly<Record<string, TerritoryRecord>> = territoryData.supplemental.territoryInfo;
const CURRENCIES: Readonly<Record<string, readonly Partial<Record<string, CurrencyUse>>[]>> =
  currencyData.supplemental.currencyData.region;
const CONTAINMENT: Readonly<Record<string, { readonly _contains?: readonly string[] }>> =
  containmentData.supplemental.territoryContainment;

/** Africa, the Americas, Asia, Europe, Oceania: codes of UN M49. */
export const CONTINENTS = ["002", "019", "142", "150", "009"] as const;

/** A translation costs this much, and a hundredth more for each million of readers. */
const TRANSLATION_CENTS = 200_000;

/** GDP per head from which on the full price is asked. */
const FULL_PRICE_GDP = 50_000;

export function territoryCodes(): string[] {
  return Object.keys(TERRITORIES);
}

/** The regions right below a continent. */
export function regionsOf(continent: string): readonly string[] {
  return CONTAINMENT[continent]?._contains ?? [];
}

function contains(region: string, territory: string): boolean {
  return regionsOf(region).some((inner) => inner === territory || contains(inner, territory));
}

/** @throws Error when nobody could buy there: no currency is in use. */
export function factsOf(territory: string): Facts {
  const record = TERRITORIES[territory];
  const currency = currencyOf(territory);
  if (record === undefined || currency === undefined) throw new Error(`${territory} has no currency in use`);
  const population = Number(record._population);
  const languages = Object.entries(record.languagePopulation ?? {}).map(([language, use]) => ({
    language,
    percent: Number(use._populationPercent),
  }));
  return { population, gdpPerHead: Math.round(Number(record._gdp) / population), currency, languages };
}

function currencyOf(territory: string): string | undefined {
  for (const uses of CURRENCIES[territory] ?? []) {
    for (const [currency, use] of Object.entries(uses)) {
      if (use?._to === undefined && use?._tender !== "false") return currency;
    }
  }
  return undefined;
}

/** The fewest languages that reach the wanted share of people, most spoken first. */
export function chooseLanguages(facts: Facts, minimumReach: number): LanguageChoice {
  const languages: string[] = [];
  let percent = 0;
  for (const use of [...facts.languages].sort((a, b) => b.percent - a.percent)) {
    if (percent >= minimumReach) break;
    languages.push(use.language);
    percent += use.percent;
  }
  return { languages, people: Math.round((facts.population * Math.min(percent, 100)) / 100) };
}

/** From a fifth of the full price to all of it, in proportion to GDP per head, to 50 cents. */
export function choosePrice(facts: Facts, fullPriceCents: number): number {
  const share = Math.min(Math.max(facts.gdpPerHead / FULL_PRICE_GDP, 0.2), 1);
  return Math.round((fullPriceCents * share) / 50) * 50;
}

export function summarizeRegion(region: string, plans: readonly TerritoryPlan[]): RegionSummary {
  return summary(
    region,
    plans.filter(({ territory }) => contains(region, territory)),
  );
}

function summary(region: string, plans: readonly TerritoryPlan[]): RegionSummary {
  const prices = plans.reduce((sum, { priceCents }) => sum + priceCents, 0);
  return {
    region,
    territories: plans.length,
    people: plans.reduce((sum, { people }) => sum + people, 0),
    meanPriceCents: plans.length === 0 ? 0 : Math.round(prices / plans.length),
  };
}

/** A continent's summary from those of its regions. */
export function mergeRegions(continent: string, regions: readonly RegionSummary[]): RegionSummary {
  const territories = regions.reduce((sum, region) => sum + region.territories, 0);
  const prices = regions.reduce((sum, region) => sum + region.meanPriceCents * region.territories, 0);
  return {
    region: continent,
    territories,
    people: regions.reduce((sum, { people }) => sum + people, 0),
    meanPriceCents: territories === 0 ? 0 : Math.round(prices / territories),
  };
}

/** Readers of each language that the plan needs, in order of language. */
export function readersByLanguage(plans: readonly TerritoryPlan[]): Readonly<Record<string, number>> {
  const readers: Record<string, number> = {};
  for (const { languages, people } of plans) {
    for (const language of languages) readers[language] = (readers[language] ?? 0) + people;
  }
  return Object.fromEntries(Object.entries(readers).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function translationCostCents(readers: number): number {
  return TRANSLATION_CENTS + Math.round((TRANSLATION_CENTS / 100) * (readers / 1_000_000));
}

export function launchPlan(parts: {
  readonly plans: readonly TerritoryPlan[];
  readonly rejected: readonly string[];
  readonly continents: readonly RegionSummary[];
  readonly languages: number;
  readonly translationCostCents: number;
  readonly approvedBy: string;
}): LaunchPlan {
  const { plans, rejected, continents, languages, translationCostCents, approvedBy } = parts;
  return {
    territories: plans.length,
    rejected,
    people: plans.reduce((sum, { people }) => sum + people, 0),
    languages,
    translationCostCents,
    continents,
    approvedBy,
  };
}
