import { z } from 'zod'

const days = z.number().positive().max(36_500)

/** What is kept of a series, and for how long. Only the first rule whose `match` fits applies. */
export const retentionRule = z
  .strictObject({
    match: z.string().min(1).describe('Pattern for `device/metric`; `*` matches any characters but `/`, also none'),
    rawDays: days
      .optional()
      .describe(
        'Days after arrival when confirmed readings are removed; default: they are kept as long as there is room',
      ),
    rollupDays: days
      .optional()
      .describe(
        'Days for which hourly rollups of removed readings are kept (count, average, min, max, share of good ' +
          'readings); default: no rollups',
      ),
    archive: z
      .boolean()
      .default(false)
      .describe('true: before readings are removed, they are written to `store.archive` as Parquet'),
    thinS: z
      .number()
      .positive()
      .optional()
      .describe(
        'Seconds; with `store.whenFull: thin`, keep only the first, last, minimum and maximum of every interval ' +
          'of this length',
      ),
  })
  .refine(({ rawDays, rollupDays }) => !(rawDays !== undefined && rollupDays !== undefined && rollupDays < rawDays), {
    path: ['rollupDays'],
    error: 'must not be below `rawDays`',
  })

export type RetentionRule = z.output<typeof retentionRule>
