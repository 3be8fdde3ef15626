import { z } from 'zod'

const seconds = z.number().positive()
const threshold = z.number().nonnegative()
const span = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, { error: 'the lower bound must not be above the upper one' })

const range = z
  .strictObject({
    fail: span.optional().describe('[low, high]: a value outside is bad (4); the bounds themselves are good'),
    suspect: span.optional().describe('[low, high], inside `fail`: a value outside is suspect (3)'),
  })
  .refine(({ fail, suspect }) => !fail || !suspect || (suspect[0] >= fail[0] && suspect[1] <= fail[1]), {
    error: '`suspect` must lie inside `fail`',
  })

const spike = z.strictObject({
  suspect: threshold.optional().describe('Distance from the neighbours above which a reading is suspect (3)'),
  fail: threshold.optional().describe('Distance from the neighbours above which a reading is bad (4)'),
  method: z
    .enum(['average', 'differential'])
    .default('differential')
    .describe(
      '`differential`: the smaller of the two steps, or 0 if both have the same direction; `average`: distance from the ' +
        'mean of both neighbours, which a large spike moves: the good readings next to it are flagged as well',
    ),
  holdMs: z
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe(
      'Delay before readings are sent, so that a spike is flagged in the batch itself; 0: the flag follows as an ' +
        'amendment. The largest `holdMs` of all rules delays all readings',
    ),
})

const rate = z.strictObject({
  suspect: threshold.optional().describe('Change per second above which a reading is suspect (3)'),
  fail: threshold.optional().describe('Change per second above which a reading is bad (4)'),
})

const flat = z.strictObject({
  suspectS: seconds
    .optional()
    .describe('Seconds without a change of at least `tolerance` after which a reading is suspect (3)'),
  failS: seconds
    .optional()
    .describe('Seconds without a change of at least `tolerance` after which a reading is bad (4)'),
  tolerance: threshold
    .default(0)
    .describe('A max − min strictly below this counts as no change; equal values never count as a change'),
  minSamples: z.number().int().min(2).default(3).describe('Fewer readings in the window are not judged'),
})

const attenuated = z.strictObject({
  windowS: seconds.describe('Length of the window in seconds'),
  method: z.enum(['range', 'std']).default('range').describe('`range`: max − min; `std`: standard deviation'),
  suspect: threshold.optional().describe('Range or standard deviation below which a reading is suspect (3)'),
  fail: threshold.optional().describe('Range or standard deviation below which a reading is bad (4)'),
  minSamples: z.number().int().min(2).default(3).describe('Fewer readings in the window are not judged'),
})

/** One quality rule. Only the first rule whose `match` fits the series applies. */
export const qualityRule = z.strictObject({
  match: z.string().min(1).describe('Pattern for `device/metric`; `*` matches any characters but `/`, also none'),
  type: z
    .enum(['number', 'boolean', 'text', 'bytes', 'any'])
    .optional()
    .describe(
      'Type of the values of the series; values of another type are bad; with `any`, none are. Default: learned from the ' +
        'values; numbers and booleans are then never of the wrong type (docs/payloads.md)',
    ),
  range: range.optional().describe('Values outside the bounds'),
  spike: spike.optional().describe('Single values far from both neighbours'),
  rate: rate.optional().describe('Values that change implausibly fast'),
  flat: flat.optional().describe('A value that does not change any more'),
  attenuated: attenuated.optional().describe('A value that changes too little'),
  maxGapS: seconds
    .default(3600)
    .describe('Seconds; after a longer silence, `rate`, `flat` and `attenuated` do not compare with earlier readings'),
  gapS: seconds.optional().describe('Seconds; a longer silence marks the next reading GAP_BEFORE'),
  futureS: seconds
    .default(300)
    .describe('Seconds; a reading whose time is further ahead of the clock of the edge is bad (TIME_FUTURE)'),
  staleS: seconds
    .optional()
    .describe(
      'Seconds; a reading that is older when it arrives is suspect (TIME_STALE), unless the device marks it as ' +
        'backfill',
    ),
})

export type QualityRule = z.output<typeof qualityRule>
