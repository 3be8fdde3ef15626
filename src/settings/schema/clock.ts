import { z } from 'zod'

/** The clock of the edge. */
export const clock = z.strictObject({
  syncedFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file that exists while the system clock is synchronised, for example a file of the host that is mounted into a ' +
        'container. Without this setting, Tidegate asks timedatectl, chronyc and ntpq, and checks ' +
        '/run/systemd/timesync/synchronized',
    ),
})
