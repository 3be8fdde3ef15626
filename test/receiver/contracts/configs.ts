import { describe, expect, it } from 'vitest'
import { CloudConfig } from '../../../src/receiver/config/cloud-config.ts'
import {
  CONFIG_LIMITS,
  type ConfigStore,
  type DeviceRecord,
  REVISIONS_KEPT,
  UNKNOWN_VERSION,
} from '../../../src/receiver/config/config-store.ts'
import type { DeviceKey } from '../../../src/receiver/config/device-key.ts'
import { ROLLOUTS_KEPT, type Rollout } from '../../../src/receiver/config/rollout/rollout.ts'
import type { Sink } from '../../../src/receiver/sink.ts'

const AT = 1_700_000_000_000
const DAY_MS = 86_400_000
const PUMP: DeviceKey = { edge: 'plant-7', device: 'pump-1' }
const BY = { by: 'user:test' }

/**
 * The promises of a config store, for every kind of sink. `open` returns an empty one, `another` a second one on the
 * same data.
 */
export function describeConfigs(
  name: string,
  open: () => Promise<Sink & { readonly configs: ConfigStore }>,
  another?: (sink: Sink) => Promise<Sink & { readonly configs: ConfigStore }>,
): void {
  const opened = async (limits = CONFIG_LIMITS) => {
    const sink = await open()
    let now = AT
    const config = new CloudConfig({ store: sink.configs, now: () => now, limits })
    return { sink, store: sink.configs, config, later: (ms: number) => (now += ms) }
  }

  describe(`${name} keeps the configs of devices`, () => {
    it('returns the config in force, every revision and every change exactly as they were written', async () => {
      const { store, config, later } = await opened()
      expect(await store.one(PUMP)).toBeUndefined()
      const odd = { 'a "key" ä': ['\u0000', '💧', -1.5e300, null, true], n: 0 }
      expect(await config.set(PUMP, odd, BY)).toMatchObject({ code: 200, rev: { c: 1, ci: 0 } })
      later(5)
      expect(await config.patch(PUMP, { n: null, m: {} }, BY)).toMatchObject({ code: 200, rev: { c: 2 } })
      const { n: _n, ...rest } = odd
      const record = (await store.one(PUMP))!
      expect(record).toMatchObject({ ...PUMP, state: { cur: { config: { ...rest, m: {} } }, cMax: 2 } })
      expect(record).toMatchObject({ counts: { written: 2 }, head: null, reported: null, conflict: null })
      const kept = await store.revisions(PUMP)
      expect(kept.map(({ at, revision }) => [at, revision.rev.c])).toEqual([
        [AT + 5, 2],
        [AT, 1],
      ])
      expect(kept[1]!.revision.config).toEqual(odd)
      const log = await store.changes(PUMP, 10)
      expect(log).toMatchObject([{ edge: 'plant-7', device: 'pump-1', path: expect.any(String) }, {}, { path: '' }])
      expect(await store.changes({ ...PUMP, edge: 'other' }, 10)).toEqual([])
      expect(await store.changes(undefined, 2)).toEqual(log.slice(0, 2))
    })

    it('lists devices page by page in the order of their names, and those with an open conflict', async () => {
      const { store, config } = await opened()
      const names = ['b/1', 'a/2', 'a/10', 'a-b/1', 'B/1']
      for (const name of names) {
        const [edge = '', device = ''] = name.split('/')
        await config.set({ edge, device }, {}, BY)
      }
      const all = await store.list({ limit: 10 })
      expect(all.map(({ edge, device }) => `${edge}/${device}`)).toEqual(['B/1', 'a/10', 'a/2', 'a-b/1', 'b/1'])
      expect(await store.list({ after: all[1]!, limit: 2 })).toEqual(all.slice(2, 4))
      const conflict = { status: 'open' } as DeviceRecord['conflict']
      await store.change([all[2]!], CONFIG_LIMITS, ([known]) => {
        return { writes: [write({ ...known!, conflict })], result: undefined }
      })
      expect(await store.list({ conflicts: true, limit: 9 })).toEqual([{ ...all[2]!, conflict }])
    })

    it('limits the revisions of a device, the rows of the change log by number and age, and the devices', async () => {
      const { store, config, later } = await opened({ ...CONFIG_LIMITS, changesMax: 30, devicesMax: 2 })
      for (let n = 0; n < 40; n++) await config.set(PUMP, { n }, BY)
      expect(await store.revisions(PUMP)).toHaveLength(REVISIONS_KEPT)
      expect((await store.revisions(PUMP)).at(-1)!.revision.config).toEqual({ n: 40 - REVISIONS_KEPT })
      expect(await store.changes(PUMP, 100)).toHaveLength(30)
      later(DAY_MS)
      await config.set({ ...PUMP, device: 'pump-2' }, {}, BY)
      await store.forgetChanges(AT + 1)
      expect(await store.changes(undefined, 100)).toHaveLength(1)
      const refused = await config.set({ ...PUMP, device: 'pump-3' }, {}, BY)
      expect(refused).toMatchObject({ code: 413, message: expect.stringContaining('devicesMax') })
      expect(await store.list({ limit: 9 })).toHaveLength(2)
      expect(await config.set(PUMP, { n: 'more' }, BY)).toMatchObject({ code: 200 })
    })

    it('writes nothing when a change fails or is refused, and later changes find nothing of it', async () => {
      const { store, config } = await opened()
      const change = async () => {
        await store.change([PUMP], CONFIG_LIMITS, () => {
          throw new Error('no')
        })
      }
      await expect(change()).rejects.toThrow('no')
      expect(await store.list({ limit: 9 })).toEqual([])
      expect(await config.set(PUMP, [], BY)).toMatchObject({ code: 400 })
      expect(await store.list({ limit: 9 })).toEqual([])
      expect(await config.set(PUMP, {}, BY)).toMatchObject({ code: 200 })
    })

    it('finds tombstones that both sides have had for thirty days', async () => {
      const { store, config } = await opened()
      await config.set(PUMP, {}, BY)
      await config.delete(PUMP, BY)
      const record = (await store.one(PUMP))!
      const tombstone = { since: AT, purged: false }
      await store.change([PUMP], CONFIG_LIMITS, () => {
        return { writes: [write({ ...record, state: { ...record.state, tombstone } })], result: undefined }
      })
      expect(await store.due(AT + 30 * DAY_MS - 1, 9)).toEqual([])
      expect(await store.due(AT + 30 * DAY_MS, 9)).toEqual([PUMP])
    })
  })

  describe(`${name} keeps each message until the broker has it`, () => {
    it('gives each message to one publisher at a time, with the newest content, until that version is published', async () => {
      const { store, config } = await opened()
      expect(await store.claim(AT, 9)).toEqual([])
      await config.set(PUMP, { n: 1 }, BY)
      const [first, ...more] = await store.claim(AT, 9)
      expect(more).toEqual([])
      expect(JSON.parse(first!.payload)).toMatchObject({ device: 'pump-1', config: { n: 1 }, rev: { c: 1 } })
      await config.set(PUMP, { n: 2 }, BY)
      expect(await store.claim(AT, 9)).toEqual([]) // another publisher has claimed it
      await store.published([first!])
      const [second] = await store.claim(AT, 9)
      expect(JSON.parse(second!.payload)).toMatchObject({ config: { n: 2 } })
      await store.published([second!])
      expect(await store.claim(AT, 9)).toEqual([])
    })

    it('publishes again after an older version was published late, because the topic may hold the older one', async () => {
      const { store, config } = await opened()
      await config.set(PUMP, { n: 1 }, BY)
      const [slow] = await store.claim(AT, 9)
      await config.set(PUMP, { n: 2 }, BY)
      await store.publishAll() // voids the claim
      const [quick] = await store.claim(AT, 9)
      await store.published([quick!])
      expect(await store.claim(AT, 9)).toEqual([])
      await store.published([slow!])
      const [again] = await store.claim(AT, 9)
      expect(again).toEqual(quick)
      await store.published([again!])
      await store.published([{ ...slow!, version: UNKNOWN_VERSION }])
      expect(await store.claim(AT, 9)).toEqual([quick])
    })

    it('publishes everything again on request, a few messages at a time', async () => {
      const { store, config } = await opened()
      for (let n = 0; n < 5; n++) await config.set({ ...PUMP, device: `pump-${n}` }, { n }, BY)
      await store.published(await store.claim(AT, 9))
      await store.publishAll()
      const found = [await store.claim(AT, 3), await store.claim(AT, 3)].map((some) => some.map(({ device }) => device))
      expect(found).toEqual([
        ['pump-0', 'pump-1', 'pump-2'],
        ['pump-3', 'pump-4'],
      ])
    })
  })

  describe(`${name} keeps rollouts`, () => {
    const rollout: Omit<Rollout, 'id'> = {
      ...{ at: AT, by: 'user:test', edit: { patch: { n: 1 } }, match: '*/*', percents: [50, 100], waitMs: 1_000 },
      devices: 2,
      status: 'running',
      stage: 0,
      writtenAt: null,
      reason: null,
    }
    const keys = [PUMP, { ...PUMP, device: 'pump-2' }]

    it('with their devices in order, and lets only one command at a time execute each', async () => {
      const { rollouts } = (await opened()).store
      const id = await rollouts.create(rollout, keys)
      expect(await rollouts.one(id)).toEqual({ id, ...rollout })
      expect(await rollouts.one(id + 1)).toBeUndefined()
      const [first, second] = await rollouts.devices(id, 0, 9)
      expect(first).toEqual({ place: 0, ...PUMP, status: 'waiting', before: null, made: null, reason: null })
      const made = { rev: { c: 1, ci: 0, e: 0, ei: '' }, hash: 'h' }
      const before = { rev: made.rev, config: null }
      await rollouts.saveDevices(id, [{ ...first!, status: 'failed', made, before, reason: 'it smokes' }])
      expect(await rollouts.devices(id, 0, 1)).toMatchObject([{ made, before, status: 'failed', reason: 'it smokes' }])
      expect(await rollouts.devices(id, 1, 9)).toEqual([second])
      expect(await rollouts.tally(id)).toEqual({ failed: 1, waiting: 1 })
      expect(await rollouts.drive(id, 'a', AT)).toBe(true)
      expect(await rollouts.drive(id, 'a', AT + 1)).toBe(true)
      expect(await rollouts.drive(id, 'b', AT + 1)).toBe(false)
      await rollouts.leave(id, 'b')
      expect(await rollouts.drive(id, 'b', AT + 1)).toBe(false)
      await rollouts.leave(id, 'a')
      expect(await rollouts.drive(id, 'b', AT + 1)).toBe(true)
    })

    it('deletes the oldest finished rollouts, and never an unfinished one', async () => {
      const { rollouts } = (await opened()).store
      const open = await rollouts.create(rollout, keys)
      for (let n = 0; n <= ROLLOUTS_KEPT; n++) await rollouts.create({ ...rollout, status: 'done' }, keys)
      const ids = (await rollouts.list()).map(({ id }) => id)
      expect(ids).toHaveLength(ROLLOUTS_KEPT + 1)
      expect(ids.at(-1)).toBe(open)
      expect(await rollouts.devices(open + 1, 0, 9)).toEqual([])
      await rollouts.save({ ...(await rollouts.one(open))!, status: 'failed' })
      await rollouts.create({ ...rollout, status: 'done' }, keys)
      expect(await rollouts.one(open)).toBeUndefined()
    })
  })

  if (another === undefined) return
  describe(`${name} is shared`, () => {
    it('by several writers and readers of heads at once: no counter is used twice, no revision is lost', async () => {
      const { sink, store, config } = await opened()
      const other = (await another(sink)).configs
      const others = new CloudConfig({ store: other, now: () => AT })
      const keys = [PUMP, { ...PUMP, device: 'pump-2' }]
      const writes = Array.from({ length: 12 }, (_, n) => {
        return [config, others][n % 2]!.patch(keys[n % 3 === 0 ? 1 : 0]!, { [`k${n}`]: n }, BY)
      })
      const revs = (await Promise.all(writes)).map(({ code, rev }) => [code, rev?.c])
      expect(revs.map(([code]) => code)).toEqual(Array(12).fill(200))
      const records = await store.list({ limit: 9 })
      expect(Object.assign({}, ...records.map(({ state }) => state.cur?.config))).toEqual(
        Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`k${n}`, n])),
      )
      expect(records.map(({ state }) => state.cMax)).toEqual([8, 4])
      for (const { device, state } of records) {
        const kept = await other.revisions({ ...PUMP, device })
        expect(kept.map(({ revision }) => revision.rev.c)).toEqual(
          Array.from({ length: state.cMax }, (_, i) => state.cMax - i),
        )
      }
    })

    it('by several publishers: each message goes to one of them', async () => {
      const { sink, store, config } = await opened()
      const other = (await another(sink)).configs
      for (let n = 0; n < 6; n++) await config.set({ ...PUMP, device: `pump-${n}` }, { n }, BY)
      for (let round = 0; round < 20; round++) {
        const found = (await Promise.all([store.claim(AT, 6), other.claim(AT, 6)])).flat()
        const names = found.map(({ device }) => device)
        expect(new Set(names).size).toBe(names.length)
        await store.publishAll()
      }
    })
  })
}

function write(record: DeviceRecord) {
  return { record, kept: [], changes: [], publish: false, at: AT }
}
