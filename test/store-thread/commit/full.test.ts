import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { tempFolder } from '../../../support/folder.ts'
import { connect, imbalances } from '../../store/stores.ts'
import { readLog, Spine, valuesOf } from '../spine.ts'

const MAX_BYTES = 1_048_576 + 1_000
const limited = { store: { maxBytes: MAX_BYTES } }
const roomy = { store: { maxBytes: MAX_BYTES * 4 } }

/** A text that hardly gets smaller when it is sealed. */
function text(name: string, chars: number): string {
  return `"${name}:${randomBytes(chars).toString('base64').slice(0, chars)}"`
}

/** Publishes until the last page is full; returns the names of the stored texts, in order. */
async function fill(spine: Spine): Promise<string[]> {
  return [
    ...(await publishUntilRefused(spine, { prefix: 'large', count: 5, chars: 3_000 })),
    ...(await publishUntilRefused(spine, { prefix: 'small', count: 1, chars: 300 })),
  ]
}

async function publishUntilRefused(
  spine: Spine,
  { prefix, count, chars }: { prefix: string; count: number; chars: number },
): Promise<string[]> {
  const stored: string[] = []
  for (let round = 0; round < 1_000; round++) {
    const names = Array.from({ length: count }, (_, i) => `${prefix}-${round}-${i}`)
    const failures = await Promise.all(names.map((name) => spine.publish('telemetry/press/note', text(name, chars))))
    if (failures.every((failure) => failure === undefined)) stored.push(...names)
    else {
      expect(failures.map((failure) => failure?.message)).toEqual(Array(count).fill(failures[0]!.message))
      return stored
    }
  }
  throw new Error('the store was never full')
}

const namesOf = (folder: string): string[] => valuesOf(folder).map((value) => String(value).split(':')[0]!)

describe('a full store', () => {
  it('refuses publishes: no publish is half stored, and every acknowledged one is there', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, limited)
    const stored = await fill(spine)
    expect(stored.length).toBeGreaterThan(100)
    expect(spine.ingest.refusedBecause).toContain('STORE_FULL')
    expect(spine.refusals.at(-1)).toContain('STORE_FULL')
    expect(spine.ingest.pendingBytes).toBe(0)
    expect(namesOf(folder)).toEqual(stored)
    expect(await spine.status()).toMatchObject({ readings: stored.length, lastSeq: stored.length })
    expect(spine.stored).toBe(stored.length)
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
    expect(statSync(join(folder, DATABASE_FILE)).size).toBeLessThanOrEqual(MAX_BYTES)
  })

  it('accepts publishes again with a higher limit, and no position is lost or assigned twice', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder, limited)
    const stored = await fill(spine)
    await spine.stop()
    spine = await Spine.start(folder, limited)
    const again = Array.from({ length: 20 }, () => spine.publish('telemetry/press/note', text('again', 3_900)))
    expect((await Promise.all(again)).every((failure) => failure instanceof Error)).toBe(true)
    await spine.stop()
    spine = await Spine.start(folder, roomy)
    expect(await spine.publish('telemetry/press/note', text('more', 3_900))).toBeUndefined()
    expect(spine.ingest.refusedBecause).toBeUndefined()
    await spine.stop()
    expect(namesOf(folder)).toEqual([...stored, 'more'])
    expect(readLog(folder).map(({ seq }) => seq)).toEqual(stored.concat('more').map((_, i) => i + 1))
    expect(imbalances(folder)).toEqual([])
  })

  it('still accepts confirmations', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, limited)
    await fill(spine)
    const { count } = await spine.nextBatch()
    expect(await spine.confirm(1, count)).toEqual({ count, renewed: false })
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
  })
})

describe('a failed commit', () => {
  it('does not affect the next one: devices, series, types and counters that were new in it are created again', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, limited)
    await spine.publish('telemetry/press/force', '1')
    // One message is always in one commit.
    const notes = Array.from({ length: 500 }, (_, i) => [`note${i}`, text(`${i}`, 3_900)])
    const tooMuch = [
      spine.publish('telemetry/oven', JSON.stringify({ heat: 7, door: true, ...Object.fromEntries(notes) })),
    ]
    expect((await Promise.all(tooMuch)).filter((failure) => failure === undefined)).toEqual([])
    expect(await spine.status()).toMatchObject({
      readings: 1,
      rejected: 0,
      devices: 1,
      series: 1,
      lastSeq: 1,
      quality: { good: 1, uncertain: 0, bad: 0 },
    })
    for (const [topic, payload] of [
      ['telemetry/press/force', '2'],
      ['telemetry/oven/heat', '8'],
      ['telemetry/oven/door', '9'],
      ['telemetry/oven', '!'],
    ] as const) {
      expect(await spine.publish(topic, payload)).toBeUndefined()
    }
    await spine.stop()
    expect(
      readLog(folder).map(({ seq, device, metric, value, quality }) => [seq, device, metric, value, quality]),
    ).toEqual([
      [1, 'press', 'force', 1, 1],
      [2, 'press', 'force', 2, 1],
      [3, 'oven', 'heat', 8, 1],
      [4, 'oven', 'door', 9, 1],
    ])
    expect(imbalances(folder)).toEqual([])
  })

  it('also answers its publishes when another process holds the database, and the next commit succeeds', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    await spine.publish('telemetry/press/force', '1')
    await spine.nextBatch()
    const other = connect(folder)
    other.exec('BEGIN IMMEDIATE')
    expect((await spine.publish('telemetry/press/force', '2'))?.message).toContain('SQLITE_BUSY')
    await expect(spine.confirm(1, 1)).rejects.toThrow('locked')
    other.exec('ROLLBACK')
    other.close()
    expect(await spine.publish('telemetry/press/force', '3')).toBeUndefined()
    await spine.nextBatch()
    expect(await spine.confirm(1, 2)).toEqual({ count: 2, renewed: false })
    await spine.stop()
    expect(valuesOf(folder)).toEqual([1, 3])
    expect(imbalances(folder)).toEqual([])
  })
})
