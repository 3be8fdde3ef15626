import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import SQLite from 'better-sqlite3'
import { expect, it } from 'vitest'
import type { JsonObject } from '../../../src/config/json.ts'
import { renderRevision } from '../../../src/config/wire.ts'
import { tempFolder } from '../../../support/folder.ts'
import { startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import { startProxy } from '../../../support/proxy.ts'
import { QUICK_UPLINK, SiteEdge } from '../../../support/site.ts'
import { until } from '../../../support/wait.ts'
import { Listener, revision } from './listener.ts'

const FIRST = { c: 1, ci: 1, e: 0, ei: '' }
const SECOND = { c: 2, ci: 1, e: 0, ei: '' }

/** A site whose link can be cut, with a device `pump` that has the first config. */
async function siteWith(config: object, first: JsonObject) {
  const mosquitto = await startMosquitto()
  const link = await startProxy({ to: mosquitto.port })
  const edge = await SiteEdge.create({ uplinks: [{ url: link.url, ...QUICK_UPLINK }], config })
  await edge.start()
  const cloud = await Listener.connect(mosquitto.url, 'cloud', 'tidegate/site/config/+/+')
  const local = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'pump', 'devices/#')
  const desired = (rev: typeof FIRST, value: JsonObject | null) =>
    cloud.client.publishAsync(
      'tidegate/site/config/pump/desired',
      renderRevision('pump', revision(rev, value, FIRST)),
      {
        qos: 1,
        retain: true,
      },
    )
  await desired(FIRST, first)
  await local.expect('devices/pump/config', first)
  return { edge, cloud, local, link, desired }
}

type Site = Awaited<ReturnType<typeof siteWith>>

/** Both sides edit while the link is cut; then the link is restored. */
async function bothEdit({ link, local, desired }: Site, edge: object, cloud: JsonObject | null): Promise<void> {
  link.dial.refuse = true
  link.cut()
  await local.client.publishAsync('devices/pump/config/set', JSON.stringify({ id: 'local', ...edge }), { qos: 1 })
  await until(() => local.json('devices/pump/config/result')?.id === 'local', { what: 'the local edit is answered' })
  await desired(SECOND, cloud)
  link.dial.refuse = false
}

describePeer('mosquitto', 'a config that both sides change while the link is cut', () => {
  it('is merged by the policy of each path, and the discarded values are in the change log', async () => {
    const module = join(tempFolder(), 'longest.mjs')
    writeFileSync(module, 'export default async (_base, edge, cloud) => (edge.length > cloud.length ? edge : cloud)')
    const config = {
      policies: [
        { path: '/edge/**', onConflict: 'edge' },
        { path: '/newer/**', onConflict: 'lww' },
        { path: '/least/**', onConflict: 'custom:min' },
        { path: '/longest/**', onConflict: 'custom:longest' },
      ],
      custom: [{ name: 'longest', module }],
    }
    const value = (v: number, text: string): JsonObject => ({
      cloud: { v },
      edge: { v },
      newer: { v },
      least: { v },
      longest: { text },
    })
    const site = await siteWith(config, { ...value(0, ''), untouched: true, cloudOnly: 0, edgeOnly: 0 })
    const cloudValue = { ...value(7, 'long'), untouched: true, cloudOnly: 1, edgeOnly: 0 }
    await bothEdit(site, { patch: { ...value(5, 'longer'), edgeOnly: 1 } }, cloudValue)
    // The local edit is newer: the revision of the cloud is dated 2026-11-18.
    const merged = {
      cloud: { v: 7 },
      edge: { v: 5 },
      newer: { v: 5 },
      least: { v: 5 },
      longest: { text: 'longer' },
      untouched: true,
      cloudOnly: 1,
      edgeOnly: 1,
    }
    await site.local.expect('devices/pump/config', merged)
    await until(
      () => isDeepStrictEqual(site.cloud.json<{ config: object }>('tidegate/site/config/pump/head')?.config, merged),
      {
        what: 'it is reported to the cloud',
      },
    )
    const database = new SQLite(join(site.edge.folder, 'tidegate.db'), { readonly: true })
    const losses = `SELECT change ->> 'loser' AS loser, change ->> 'path' AS path FROM config_changes
      WHERE change ->> 'loser' IS NOT NULL ORDER BY path`
    expect(database.prepare(losses).all()).toEqual([
      { loser: 'edge', path: '/cloud/v' },
      { loser: 'cloud', path: '/edge/v' },
      { loser: 'cloud', path: '/least/v' },
      { loser: 'cloud', path: '/longest/text' },
      { loser: 'cloud', path: '/newer/v' },
    ])
    expect(await site.edge.stop()).toBe(0)
  })

  it('stays unchanged until a person decides when the policy is manual or a merge function never returns', async () => {
    const module = join(tempFolder(), 'broken.mjs')
    writeFileSync(module, 'export default () => { for (;;); }')
    const policies = [
      { path: '/a', onConflict: 'manual' },
      { path: '/b', onConflict: 'custom:broken' },
    ]
    const config = { policies, custom: [{ name: 'broken', module }], customTimeoutMs: 100 }
    const site = await siteWith(config, { a: 0, b: 0, c: 0 })
    await bothEdit(site, { patch: { a: 1, b: 1 } }, { a: 2, b: 2, c: 2 })
    const topic = 'tidegate/site/config/pump/conflict'
    type Record = { cid: string; kind: string; paths: { path: string; base: number; edge: number; cloud: number }[] }
    await until(() => site.cloud.json(topic) !== undefined, { what: 'the conflict is shown' })
    const { kind, paths } = site.cloud.json<Record>(topic)!
    expect([kind, paths.map(({ path, base, edge, cloud }) => [path, base, edge, cloud])]).toEqual([
      'merge',
      [
        ['/a', 0, 1, 2],
        ['/b', 0, 1, 2],
      ],
    ])
    expect(site.local.json('devices/pump/config')).toEqual({ a: 1, b: 1, c: 0 })
    // In the cloud a person decides with a revision that resolves the conflict.
    const { cid } = site.cloud.json<Record>(topic)!
    const decided = { ...revision({ ...SECOND, c: 3 }, { a: 3, b: 3, c: 3 }), resolves: cid }
    const desired = 'tidegate/site/config/pump/desired'
    await site.cloud.client.publishAsync(desired, renderRevision('pump', decided), { qos: 1, retain: true })
    await site.local.expect('devices/pump/config', { a: 3, b: 3, c: 3 })
    expect(await site.edge.stop()).toBe(0)
  })

  it('is kept, deleted or left to a person when one side deleted it, as the settings say', async () => {
    for (const deleteModify of ['keep', 'delete', 'manual'] as const) {
      const site = await siteWith({ deleteModify }, { a: { x: 0 }, b: 0 })
      await bothEdit(site, { patch: { a: { x: 1 } } }, { b: 0 })
      const seen = (): unknown => site.local.json('devices/pump/config')
      const conflict = (): boolean => site.cloud.json('tidegate/site/config/pump/conflict') !== undefined
      if (deleteModify === 'manual') await until(conflict, { what: 'the conflict is shown' })
      else {
        const head = () => site.cloud.json<{ rev: { c: number } }>('tidegate/site/config/pump/head')?.rev.c
        await until(() => head() === 2, { what: 'the merge is made' })
      }
      expect(seen()).toEqual(deleteModify === 'delete' ? { b: 0 } : { a: { x: 1 }, b: 0 })
      expect(await site.edge.stop()).toBe(0)
    }
  })
})
