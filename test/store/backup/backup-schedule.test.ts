import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.ts'
import { edgeSettings } from '../../../src/settings/edge.ts'
import { BackupSchedule } from '../../../src/store/backup/backup-schedule.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { appendMany, openStore } from '../stores.ts'

const HOUR_MS = 3_600_000
/** The clock of the test moves on by more than this after every backup, so the next backup is always due. */
const EVERY_HOURS = 1

/** An open store, and a clock that advances by one hour after every backup. */
function site(): { folder: string; clock: { now(): number }; start(keep?: number): BackupSchedule } {
  const folder = tempFolder()
  const store = openStore(folder)
  appendMany(store, 10)
  onStop(() => store.close())
  let schedule: BackupSchedule | undefined
  const from = Date.UTC(2026, 0, 1)
  const clock = {
    now: () => from + (schedule?.status.lastAt === undefined ? 0 : schedule.status.lastAt - from + HOUR_MS),
  }
  return {
    folder,
    clock,
    start(keep = 2) {
      const settings = edgeSettings.parse({ edge: 'site', store: { backup: { everyHours: EVERY_HOURS, keep } } }).store
      schedule = new BackupSchedule({ folder, settings, clock, log: silentLog })
      onStop(() => schedule!.stop())
      return schedule
    },
  }
}

describe('scheduled backups', () => {
  it('are off by default', () => {
    expect(edgeSettings.parse({ edge: 'site' }).store.backup.everyHours).toBe(0)
  })

  it('are made one after another while the store is open, and only the newest are kept', async () => {
    const { folder, start } = site()
    const schedule = start()
    const names = (): string[] =>
      readdirSync(join(folder, 'backup'))
        .filter((name) => name.endsWith('.db'))
        .sort()
    await until(() => (schedule.status.lastAt ?? 0) >= Date.UTC(2026, 0, 1, 3), { what: 'the fourth backup' })
    await schedule.stop()
    expect(names().slice(0, 2)).toEqual(['tidegate-20260101T020000Z.db', 'tidegate-20260101T030000Z.db'])
    expect(schedule.status).toMatchObject({ lastFailure: undefined, lastBytes: expect.any(Number) })
  })

  it('report why one failed, keep the earlier ones, and are made again once the cause is removed', async () => {
    const { folder, start } = site()
    writeFileSync(join(folder, 'backup'), 'a file where the folder should be')
    const schedule = start()
    await until(() => schedule.status.lastFailure, { what: 'a failure' })
    expect(schedule.status.lastFailure).toContain('backup')
    await schedule.stop()
    rmSync(join(folder, 'backup'))
    const again = start()
    await until(() => again.status.lastAt, { what: 'a backup' })
    expect(again.status.lastFailure).toBeUndefined()
  })

  it('are not made on the disk of the store when they would use the space for new readings', async () => {
    const { folder, clock } = site()
    const store = { freeBytesMin: 1e15, backup: { everyHours: EVERY_HOURS } }
    const settings = edgeSettings.parse({ edge: 'site', store }).store
    const schedule = new BackupSchedule({ folder, settings, clock, log: silentLog })
    onStop(() => schedule.stop())
    await until(() => schedule.status.lastFailure, { what: 'a failure' })
    expect(schedule.status.lastFailure).toContain('must stay free')
    expect(readdirSync(join(folder, 'backup'))).toEqual([])
  })

  it('go on when one is dated ten years ahead, and that one is removed first', async () => {
    const { folder } = site()
    mkdirSync(join(folder, 'backup'))
    writeFileSync(join(folder, 'backup', 'tidegate-20360101T000000Z.db'), 'made while the clock was wrong')
    const settings = edgeSettings.parse({ edge: 'site', store: { backup: { everyHours: EVERY_HOURS, keep: 2 } } }).store
    for (const hour of [0, 1, 2]) {
      const clock = { now: () => Date.UTC(2026, 0, 1, hour) }
      const schedule = new BackupSchedule({ folder, settings, clock, log: silentLog })
      await until(() => schedule.status.lastBytes, { what: 'a backup' })
      await schedule.stop()
    }
    const names = readdirSync(join(folder, 'backup')).filter((name) => name.endsWith('.db'))
    expect(names.sort()).toEqual(['tidegate-20260101T010000Z.db', 'tidegate-20260101T020000Z.db'])
  })

  it('go on when the clock is set back by ten years', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    onStop(() => store.close())
    const clock = { at: Date.UTC(2036, 0, 1), now: () => clock.at }
    const settings = edgeSettings.parse({ edge: 'site', store: { backup: { everyHours: EVERY_HOURS } } }).store
    const start = (): BackupSchedule => {
      const schedule = new BackupSchedule({ folder, settings, clock, log: silentLog })
      onStop(() => schedule.stop())
      return schedule
    }
    const wrong = start()
    await until(() => wrong.status.lastBytes, { what: 'a backup in 2036' })
    await wrong.stop()
    clock.at = Date.UTC(2026, 0, 1)
    const right = start()
    await until(() => right.status.lastBytes, { what: 'a backup in 2026' })
    expect(right.status.lastAt).toBe(clock.at)
  })

  it('are not repeated after a restart while the newest backup is recent', async () => {
    const { folder, start } = site()
    const schedule = start()
    await until(() => schedule.status.lastAt, { what: 'a backup' })
    await schedule.stop()
    const { lastAt } = schedule.status
    const settings = edgeSettings.parse({ edge: 'site', store: { backup: { everyHours: EVERY_HOURS } } }).store
    const young = new BackupSchedule({ folder, settings, clock: { now: () => lastAt! + 1 }, log: silentLog })
    expect(young.status).toMatchObject({ running: false, lastAt })
    await young.stop()
  })
})
