import type { RouteSettings } from '../settings/edge.ts'

/** What a route says about payloads that do not say everything by themselves. */
export type ReadingRules = Pick<RouteSettings, 'zone' | 'numbers' | 'noValueTexts' | 'sampleHz'>

/** The rules of a route without such settings. */
export const PLAIN_RULES: ReadingRules = Object.freeze({
  zone: undefined,
  numbers: 'plain',
  noValueTexts: true,
  sampleHz: undefined,
})
