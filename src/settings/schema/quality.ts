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
  suspect: threshold.optional().describe('Distance from the neighbours above which a reading is suspect (3)'),
  fail: threshold.optional().describe('Distance from the neighbours above which a reading is bad (4)'),
  method: z
    .enum(['average', 'differential'])
    .default('average')
    .describe('`average`: distance from the mean of both neighbours; `differential`: the smaller of both steps'),
  holdMs: z
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe(
      'Milliseconds a reading is kept from the uplink, so that the verdict travels with it; 0: send an amendment',
    ),
})

const rate = z.strictObject({
  suspect: threshold.optional().describe('Change per second above which a reading is suspect (3)'),
  fail: threshold.optional().describe('Change per second above which a reading is bad (4)'),
})

const flat = z.strictObject({
  suspectS: seconds.optional().describe('Seconds without change above the tolerance: suspect (3)'),
  failS: seconds.optional().describe('Seconds without change above the tolerance: bad (4)'),
  tolerance: threshold.default(0).describe('A max − min strictly below it counts as no change'),
  minSamples: z.number().int().min(2).default(3).describe('Fewer readings in the window are not judged'),
})

const attenuated = z.strictObject({
  windowS: seconds.describe('Length of the window in seconds'),
  method: z.enum(['range', 'std']).default('range').describe('`range`: max − min; `std`: standard deviation'),
  suspect: threshold.optional().describe('Range or standard deviation below which a reading is suspect (3)'),
  fail: threshold.optional().describe('Range or standard deviation below which a reading is bad (4)'),
  minSamples: z.number().int().min(2).default(3).describe('Fewer readings in the window are not judged'),
})

/** One quality rule; the first whose `match` fits the series applies, and only that one. */
export const qualityRule = z.strictObject({
  match: z.string().min(1).describe('Pattern over `device/metric`; `*` stands for any run of characters but `/`'),
  type: z
    .enum(['number', 'boolean', 'text', 'bytes'])
    .optional()
    .describe('Type of the series; default: that of its first value'),
  range: range.optional().describe('Values outside the bounds'),
  spike: spike.optional().describe('Single values far from both neighbours'),
  rate: rate.optional().describe('Changes too fast to be true'),
  flat: flat.optional().describe('A value that no longer moves'),
  attenuated: attenuated.optional().describe('A value that moves too little'),
  maxGapS: seconds.default(3600).describe('Seconds; a longer silence ends what rate, flat and attenuated compare with'),
  gapS: seconds.optional().describe('Seconds; a longer silence marks the next reading GAP_BEFORE'),
  futureS: seconds.default(300).describe('Seconds; a time further ahead of the edge is bad (TIME_FUTURE)'),
  staleS: seconds.optional().describe('Seconds; an older reading that is no backfill is suspect (TIME_STALE)'),
})

export type QualityRule = z.output<typeof qualityRule>
