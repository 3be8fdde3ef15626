import { readdirSync } from 'node:fs'
import { compactTime } from '../recovery/compact-time.ts'

/** A backup may be this much (ms) in the future: clocks are corrected by a little all the time. */
const FUTURE_MS_MAX = 60_000

const NAME = /^tidegate-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/

/** The file name of a backup made at this time (UTC ms). */
export function backupName(now: number): string {
  return `tidegate-${compactTime(now)}.db`
}

/**
 * The backups in a folder and the times when they were made (UTC ms), the newest first; none if the folder cannot be
 * read. A backup with a time after `now` was made while the clock was wrong: its age is not known, so it comes last.
 */
export function listBackups(folder: string, now: number): { name: string; at: number }[] {
  return namesIn(folder)
    .flatMap((name) => {
      const [year, month, day, hour, minute, second] = NAME.exec(name)?.slice(1).map(Number) ?? []
      return year === undefined ? [] : [{ name, at: Date.UTC(year, month! - 1, day, hour, minute, second) }]
    })
    .sort((a, b) => Number(a.at > now + FUTURE_MS_MAX) - Number(b.at > now + FUTURE_MS_MAX) || b.at - a.at)
}

/** The file name of an unfinished backup, until it is complete; contains the id of the process that makes it. */
export function partName(file: string, pid: number): string {
  return `${file}.part-${pid}`
}

/** The files in a folder that are unfinished backups, or belong to one. */
export function listParts(folder: string): { name: string; of: string; pid: number }[] {
  return namesIn(folder).flatMap((name) => {
    const [, of, pid] = /^(.+)\.part-(\d+)(?:-journal)?$/.exec(name) ?? []
    return of === undefined ? [] : [{ name, of, pid: Number(pid) }]
  })
}

export function isScheduled(name: string): boolean {
  return NAME.test(name)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
