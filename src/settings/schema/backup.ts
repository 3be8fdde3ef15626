import { z } from 'zod'

/** Backups of the store that a running edge makes by itself. */
export const backup = z.strictObject({
  everyHours: z
    .number()
    .min(0)
    .max(8_760)
    .default(0)
    .describe('Hours between two backups; 0: no backups. A failed backup makes the health check report a problem'),
  folder: z
    .string()
    .min(1)
    .default('backup')
    .describe('Folder for the backups, `tidegate-<UTC time>.db`; relative to `data`. It should be on another disk'),
  keep: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(3)
    .describe('Backups to keep; older ones are removed after a new one is complete. The disk needs room for one more'),
})

export type BackupSettings = z.output<typeof backup>
