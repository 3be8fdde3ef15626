import { z } from 'zod'

const days = z.number().positive().max(36_500)

/** What is kept of a series, and for how long; the first rule whose `match` fits applies, and only that one. */
export const retentionRule = z
  .strictObject({
    match: z.string().min(1).describe('Pattern over `device/metric`; `*` stands for any run of characters but `/`'),
    rawDays: days
      .optional()
      .describe(
        'Days of arrival after which confirmed readings are removed; without it they are kept while there is room',
      ),
    rollupDays: days
      .optional()
      .describe('Days for which hourly sums of removed readings are kept (count, average, min, max, good share)'),
    archive: z.boolean().default(false).describe('Removed readings are written to `store.archive` first, as Parquet'),
    thinS: z
      .number()
      .positive()
      .optional()
      .describe('Seconds; with `store.whenFull: thin` only first, last, least and greatest of each so long stay'),
  })
  .refine(({ rawDays, rollupDays }) => !(rawDays !== undefined && rollupDays !== undefined && rollupDays < rawDays), {
    path: ['rollupDays'],
    error: 'must not be below `rawDays`',
  })

export type RetentionRule = z.output<typeof retentionRule>
