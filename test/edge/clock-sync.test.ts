import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readChrony, readClockSync, readNtpq } from '../../src/edge/clock-sync.ts'
import { tempFolder } from '../../support/folder.ts'

/** Lines as the programs print them (chrony 4.3, ntpsec 1.2). */
const CHRONY = {
  synced: '50505330,PPS0,1,1795941000.123456789,0.000000001,0.0000001,0.0000002,-8.1,0.0,0.03,0.0,0.0001,16.0,Normal',
  leap: '50505330,PPS0,1,1795941000.123456789,0.000000001,0.0000001,0.0000002,-8.1,0.0,0.03,0.0,0.0001,16.0,Insert second',
  unsynced: '7F7F0101,,10,0.000000000,0.000000000,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,Not synchronised',
}

describe('whether the system clock is synchronised', () => {
  it('is read from what chronyc and ntpq print', () => {
    expect(readChrony(CHRONY.synced)).toBe(true)
    expect(readChrony(CHRONY.leap)).toBe(true)
    expect(readChrony(CHRONY.unsynced)).toBe(false)
    expect(readChrony('506 Cannot talk to daemon')).toBeUndefined()
    expect(readNtpq('leap=00')).toBe(true)
    expect(readNtpq('associd=0 status=c016 leap_alarm, sync_unspec, 1 event, restart,\nleap=11')).toBe(false)
    expect(readNtpq('ntpq: read: Connection refused')).toBeUndefined()
  })

  it('is what the file of the settings says, if there is one', async () => {
    const file = join(tempFolder(), 'synchronized')
    expect(await readClockSync(file)).toBe(false)
    writeFileSync(file, '')
    expect(await readClockSync(file)).toBe(true)
  })

  it('starts no program that needs systemd where there is none', async () => {
    const folder = tempFolder()
    const started = join(folder, 'started')
    writeFileSync(join(folder, 'timedatectl'), `#!/bin/sh\n: > '${started}'\necho yes\n`, { mode: 0o755 })
    const path = process.env.PATH
    process.env.PATH = folder
    try {
      await readClockSync(undefined, false)
      expect(existsSync(started)).toBe(false)
      expect(await readClockSync(undefined, true)).toBe(true)
      expect(existsSync(started)).toBe(true)
    } finally {
      process.env.PATH = path
    }
  })

  it('is what the first program says that knows it', async () => {
    const folder = tempFolder()
    const program = (name: string, output: string, exitCode = 0): void => {
      const file = join(folder, name)
      writeFileSync(file, `#!/bin/sh\necho '${output}'\nexit ${exitCode}\n`)
      chmodSync(file, 0o755)
    }
    const path = process.env.PATH
    process.env.PATH = `${folder}:${path}`
    try {
      program('timedatectl', 'System has not been booted with systemd', 1)
      program('chronyc', '506 Cannot talk to daemon', 1)
      program('ntpq', 'leap=00')
      expect(await readClockSync(undefined, true)).toBe(true)
      program('chronyc', CHRONY.unsynced)
      expect(await readClockSync(undefined, true)).toBe(false)
      program('timedatectl', 'yes')
      expect(await readClockSync(undefined, true)).toBe(true)
      program('chronyc', CHRONY.synced)
      program('timedatectl', 'no')
      expect(await readClockSync(undefined, true)).toBe(false)
    } finally {
      process.env.PATH = path
    }
  })
})
