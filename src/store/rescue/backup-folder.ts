import { existsSync, readdirSync } from 'node:fs'
import { compactTime } from './compact-time.ts'

const NAME = /^tidegate-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/

/** What a backup of this moment (UTC ms) is called. */
export function backupName(now: number): string {
  return `tidegate-${compactTime(now)}.db`
}

/** The backups in a folder and when they were made (UTC ms), the newest first. */
export function listBackups(folder: string): { name: string; at: number }[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .flatMap((name) => {
      const [year, month, day, hour, minute, second] = NAME.exec(name)?.slice(1).map(Number) ?? []
      return year === undefined ? [] : [{ name, at: Date.UTC(year, month! - 1, day, hour, minute, second) }]
    })
    .sort((a, b) => b.at - a.at)
}

/** Whether a file is one that was never finished. */
export function isUnfinished(name: string): boolean {
  return !NAME.test(name) && NAME.test(name.replace(/\.part-\d+$/, ''))
}
