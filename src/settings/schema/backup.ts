import { z } from 'zod'

/** Copies of the store that the edge makes by itself, beside its work. */
export const backup = z.strictObject({
  everyHours: z
    .number()
    .min(0)
    .max(8_760)
    .default(0)
    .describe('Hours between two backups; 0: none are made. A failing one is a problem of the health'),
  folder: z
    .string()
    .min(1)
    .default('backup')
    .describe('Folder of the backups, `tidegate-<UTC time>.db`; relative to `data`. Best on another disk'),
  keep: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(3)
    .describe('Backups kept; older ones are removed when a new one is whole. One more must find room while it is made'),
})

export type BackupSettings = z.output<typeof backup>
