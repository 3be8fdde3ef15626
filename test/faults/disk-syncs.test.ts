import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { startProcess } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'

const PUBLISHES = 20

/** The number of times that the edge asks the kernel to sync its database to the disk while `work` runs. */
async function countSyncs(edge: SiteEdge, work: () => Promise<void>): Promise<number> {
  const output = join(tempFolder(), 'calls')
  const args = ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-o', output, '-p', `${edge.process.pid}`]
  const strace = startProcess(peers.strace!, args)
  await strace.waitFor(/attached/)
  await work()
  await strace.stop()
  const calls = readFileSync(output, 'utf8').split('\n')
  return calls.filter((line) => /f(data)?sync\(\d+<[^>]*tidegate\.db/.test(line)).length
}

/** Each publish waits for the acknowledgement of the previous one, so each is a commit of its own. */
async function publishOneByOne(edge: SiteEdge): Promise<void> {
  const client = await RawClient.connect(edge.port, 'pump')
  for (let messageId = 1; messageId <= PUBLISHES; messageId++) {
    client.publish('telemetry/pump/n', `${messageId}`, { qos: 1, messageId })
    await client.next('puback')
  }
}

describePeer('strace', 'an edge syncs every commit to the disk before the acknowledgement', () => {
  it('on a new data folder, and also when it is started again on it', async () => {
    const edge = await SiteEdge.create()
    await edge.start()
    expect(await countSyncs(edge, () => publishOneByOne(edge))).toBeGreaterThanOrEqual(PUBLISHES)
    expect(await edge.stop()).toBe(0)
    await edge.start()
    expect(await countSyncs(edge, () => publishOneByOne(edge))).toBeGreaterThanOrEqual(PUBLISHES)
    await edge.kill()
    await edge.start()
    expect(await countSyncs(edge, () => publishOneByOne(edge))).toBeGreaterThanOrEqual(PUBLISHES)
  })
})
