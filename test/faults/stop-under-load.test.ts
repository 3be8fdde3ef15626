import { expect, it } from 'vitest'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 6_000
/** Longer than a service manager would wait before it kills. */
const STOP_MS_MAX = 8_000

describePeer('mosquitto', 'SIGTERM under load', () => {
  it('ends the edge in time with exit code 0, and nothing that was acknowledged is lost', async () => {
    // Small batches and a receiver that has stopped: answers are owed at the moment of the signal.
    const { edge, receiver } = await startScene({ uplink: { batchReadingsMax: 50, confirmTimeoutMs: 60_000 } })
    const { device, finished } = startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true })
    await until(() => device.acknowledged >= COUNT / 3, { what: 'a third is acknowledged' })
    receiver.process.kill('SIGSTOP')
    await until(() => device.acknowledged >= COUNT / 2, { what: 'half is acknowledged' })

    const signalAt = performance.now()
    expect(await edge.stop()).toBe(0)
    expect(performance.now() - signalAt).toBeLessThan(STOP_MS_MAX)
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
