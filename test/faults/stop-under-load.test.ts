import { expect, it } from 'vitest'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 6_000
/** Longer than any test: an edge that waits for the answers does not end. */
const CONFIRM_TIMEOUT_MS = 600_000

describePeer('mosquitto', 'SIGTERM under load', () => {
  it('ends the edge with exit code 0 without waiting for the receiver, and no acknowledged reading is lost', async () => {
    // Small batches and a receiver that is stopped: batches are in flight when the signal comes.
    const { edge, receiver } = await startScene({
      uplink: { batchReadingsMax: 50, confirmTimeoutMs: CONFIRM_TIMEOUT_MS },
    })
    const { device, finished } = startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true })
    await until(() => device.acknowledged >= COUNT / 3, { what: 'a third is acknowledged' })
    receiver.process.kill('SIGSTOP')
    await until(() => device.acknowledged >= COUNT / 2, { what: 'half is acknowledged' })

    edge.process.kill('SIGTERM')
    await until(() => edge.process.ended, { what: 'the edge ends while batches are in flight' })
    expect(await edge.process.exit).toBe(0)
    expect(edge.stored()).toBeGreaterThanOrEqual(device.acknowledged)

    receiver.process.kill('SIGCONT')
    await edge.start()
    await finished
    await edge.untilDrained()
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
