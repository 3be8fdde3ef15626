import { expect, it } from 'vitest'
import { describePeer, peers } from '../../support/peers.ts'
import { startProcess } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'

/** Each sync of the disk takes this much longer (µs). */
const SYNC_US = 1_500_000

describePeer('strace', 'an edge on a disk that is slow to sync', () => {
  it('reports how long commits and acknowledgements take, on which disk, and is not healthy', async () => {
    const edge = await SiteEdge.create()
    await edge.start()
    expect((await edge.status()).problems).toEqual([])
    const calls = 'fsync,fdatasync'
    const inject = `inject=${calls}:delay_exit=${SYNC_US}`
    const output = ['-o', '/dev/null', '-f']
    const strace = startProcess(peers.strace!, [
      ...output,
      '-e',
      `trace=${calls}`,
      '-e',
      inject,
      '-p',
      `${edge.process.pid}`,
    ])
    await strace.waitFor(/attached/)
    const client = await RawClient.connect(edge.port, 'pump')
    for (let messageId = 1; messageId <= 3; messageId++) {
      client.publish('telemetry/pump/n', `${messageId}`, { qos: 1, messageId })
      await client.next('puback')
    }
    await strace.stop()
    const status = await edge.status()
    expect(status.healthy).toBe(false)
    expect(status.problems.join('\n')).toContain(edge.folder)
    const { commits, acks } = status.store
    expect(commits).toMatchObject({ count: 3, slow: 3 })
    expect(commits.p50Ms).toBeGreaterThanOrEqual(SYNC_US / 1_000)
    expect(acks.maxMs).toBeGreaterThanOrEqual(SYNC_US / 1_000)
  })
})
