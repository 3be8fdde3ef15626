import { z } from 'zod'

const seconds = z.number().positive()
const threshold = z.number().nonnegative()
const span = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, { error: 'the lower bound must not be above the upper one' })

const range = z
  .strictObject({
    fail: span.optional().describe('[low, high]: outside is bad (4); the bounds themselves are good'),
    suspect: span.optional().describe('[low, high] inside `fail`: outside is suspect (3)'),
  })
  .refine(({ fail, suspect }) => !fail || !suspect || (suspect[0] >= fail[0] && suspect[1] <= fail[1]), {
    error: '`suspect` must lie inside `fail`',
  })

const spike = z.strictObject({
  suspect: threshold.optional(),
  fail: threshold.optional(),
  method: z.enum(['average', 'differential']).default('average'),
  holdMs: z
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe(
      'Keeps readings from the uplink for so long, so that the verdict travels with them; 0: send an amendment',
    ),
})

const rate = z.strictObject({
  suspect: threshold.optional().describe('Change per second above which a reading is suspect (3)'),
  fail: threshold.optional().describe('Change per second above which a reading is bad (4)'),
})

const flat = z.strictObject({
  suspectS: seconds.optional().describe('Seconds without change above the tolerance: suspect (3)'),
  failS: seconds.optional().describe('Seconds without change above the tolerance: bad (4)'),
  tolerance: threshold.default(0).describe('Largest max − min that counts as no change (strictly below)'),
  minSamples: z.number().int().min(2).default(3),
})

const attenuated = z.strictObject({
  windowS: seconds.describe('Length of the window in seconds'),
  method: z.enum(['range', 'std']).default('range'),
  suspect: threshold.optional().describe('Range or standard deviation below which a reading is suspect (3)'),
  fail: threshold.optional().describe('Range or standard deviation below which a reading is bad (4)'),
  minSamples: z.number().int().min(2).default(3),
})

/** One quality rule; the first whose `match` fits the series applies, and only that one. */
export const qualityRule = z.strictObject({
  match: z.string().min(1).describe('Pattern over `device/metric`; `*` stands for any run of characters but `/`'),
  type: z
    .enum(['number', 'boolean', 'text', 'bytes'])
    .optional()
    .describe('Type of the series; default: that of its first value'),
  range: range.optional(),
  spike: spike.optional(),
  rate: rate.optional(),
  flat: flat.optional(),
  attenuated: attenuated.optional(),
  maxGapS: seconds.default(3600).describe('A longer silence ends what rate, flat and attenuated compare with'),
  gapS: seconds.optional().describe('A longer silence marks the next reading GAP_BEFORE'),
  futureS: seconds.default(300).describe('A time further ahead of the edge is bad (TIME_FUTURE)'),
  staleS: seconds.optional().describe('An older reading that is no backfill is suspect (TIME_STALE)'),
})

export type QualityRule = z.output<typeof qualityRule>
