import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { describePeer } from '../../support/peers.ts'
import type { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const copyFile = join(tempFolder(), 'tidegate.db')

/** A copy as an operator makes it by hand: the edge is stopped, so the file is complete. */
async function backUp(edge: SiteEdge): Promise<void> {
  expect(await edge.stop()).toBe(0)
  copyFileSync(join(edge.folder, 'tidegate.db'), copyFile)
}

async function restore(edge: SiteEdge): Promise<void> {
  expect(await edge.stop()).toBe(0)
  for (const suffix of ['-wal', '-shm']) rmSync(join(edge.folder, `tidegate.db${suffix}`), { force: true })
  copyFileSync(copyFile, join(edge.folder, 'tidegate.db'))
}

const publishAs = (edge: SiteEdge, name: string, count: number): Promise<void> =>
  startDevice({ port: edge.port, name, qos: 1, count, timed: true }).finished

const untilSent = (edge: SiteEdge): Promise<boolean> =>
  until(async () => (await edge.status()).uplinks[0]!.sentReadings > 0, { what: 'a batch was sent' })

describePeer('mosquitto', 'an edge whose database is replaced by an earlier copy', () => {
  it.each([
    { what: 'fewer readings than were lost', count: 20 },
    { what: 'more readings than were lost', count: 80 },
  ])('begins a new epoch when it stores $what, and all of them arrive', async ({ count }) => {
    const { edge, receiver } = await startScene()
    await publishAs(edge, 'before', 100)
    await edge.untilDrained()
    await backUp(edge)
    await edge.start()
    await publishAs(edge, 'forgotten', 50)
    await edge.untilDrained()
    const { epoch } = (await edge.status()).store
    await restore(edge)

    await edge.start()
    await publishAs(edge, 'after', count)
    await edge.untilDrained()
    expect((await edge.status()).store.epoch).not.toBe(epoch)
    expect(accountOf(receiver, 'before')).toEqual(eachOnce(100))
    expect(accountOf(receiver, 'forgotten')).toEqual(eachOnce(50))
    expect(accountOf(receiver, 'after')).toEqual(eachOnce(count))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })

  it('does not apply a late receipt of the lost readings to the new ones', async () => {
    const { edge, receiver } = await startScene({ uplink: { batchReadingsMax: 20 } })
    await publishAs(edge, 'before', 100)
    await edge.untilDrained()
    await backUp(edge)
    // The receiver is away: the broker keeps the messages that the edge sends before and after the replacement.
    await receiver.stop()
    await edge.start()
    await publishAs(edge, 'forgotten', 50)
    await untilSent(edge)
    await restore(edge)
    await edge.start()
    await publishAs(edge, 'after', 50)
    await untilSent(edge)
    await receiver.start()
    await edge.untilDrained()
    expect(accountOf(receiver, 'after')).toEqual(eachOnce(50))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
