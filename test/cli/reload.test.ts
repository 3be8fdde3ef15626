import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

const folder = tempFolder()
const passwords = join(folder, 'passwords')
const secret = join(folder, 'secret')

/** The password that edge and receiver send. */
function send(password: string): void {
  writeFileSync(secret, password, { mode: 0o600 })
}

describePeer('mosquitto', 'SIGHUP', () => {
  it('gives edge and receiver their new password; broken settings change nothing, and no process ends', async () => {
    execFileSync('mosquitto_passwd', ['-b', '-c', passwords, 'plant', 'new'])
    chmodSync(folder, 0o755)
    chmodSync(passwords, 0o644) // Mosquitto reads it as its own user
    send('old')
    const cloud = await startMosquitto({ config: `allow_anonymous false\npassword_file ${passwords}` })
    const login = { url: cloud.url, username: 'plant', password_file: secret }
    const receiver = new SiteReceiver(cloud.url, { cloud: { ...login, backoffMinMs: 50, backoffMaxMs: 500 } })
    const edge = await SiteEdge.create({ uplinks: [{ ...QUICK_UPLINK, ...login }] })
    await receiver.start()
    await edge.start()
    const device = await connectAsync(`mqtt://127.0.0.1:${edge.port}`)
    onStop(() => device.endAsync(true))
    await device.publishAsync('telemetry/press-1/temperature', '21.5', { qos: 1 })
    await until(async () => (await edge.status()).uplinks[0]!.failures > 0, { what: 'a refused login' })

    send('new')
    for (const service of [edge, receiver]) service.process.kill('SIGHUP')
    await receiver.untilCount(1)
    await edge.untilDrained()

    for (const service of [edge, receiver]) {
      appendFileSync(service.settingsFile, '\nnonsense: true\n')
      service.process.kill('SIGHUP')
    }
    await device.publishAsync('telemetry/press-1/temperature', '22', { qos: 1 })
    await receiver.untilCount(2)
    expect([edge.process.ended, receiver.process.ended]).toEqual([false, false])
  })
})
