import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort, untilAccepts } from '../../support/port.ts'
import { ROOT, startTidegate } from '../../support/process.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { runHere } from '../cli/recorder.ts'

const PAGE = readFileSync(join(ROOT, 'docs/moving-from-mosquitto.md'), 'utf8')

/** The first block of the page with this language that contains a text. */
function blockOf(language: string, text: string): string {
  const blocks = [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
  return blocks.find(([, name, content]) => name === language && content!.includes(text))![2]!
}

async function client(port: number): Promise<MqttClient> {
  const connected = await connectAsync(`mqtt://127.0.0.1:${port}`)
  onStop(() => connected.endAsync(true))
  return connected
}

/** Topics and payloads that a client receives. */
async function heard(port: number, filter: string): Promise<string[]> {
  const all: string[] = []
  const listener = await client(port)
  listener.on('message', (topic, payload) => all.push(`${topic} ${payload}`))
  await listener.subscribeAsync(filter, { qos: 1 })
  return all
}

/** The settings of the page, for a cloud broker on this machine without TLS. */
function settings(cloud: Mosquitto, port: number, web: number): string {
  const text = blockOf('yaml', 'edge: plant-7')
    .replace('mqtts://cloud.example:8883', cloud.url)
    .replace(/^ +tls: .*\n/m, '')
    .replace(/^ +username: .*\n +password_file: .*\n/m, '')
  return `${text}broker: { tcp: { host: 127.0.0.1, port: ${port} } }\nweb: { port: ${web} }\n`
}

/** The bridge of the page, between brokers on this machine without TLS. */
function bridge(cloud: Mosquitto): string {
  return blockOf('text', 'connection plant-7')
    .replace(/^(bridge_cafile|remote_username|remote_password) .*\n/gm, '')
    .replace('cloud.example:8883', `127.0.0.1:${cloud.port}`)
}

describePeer('mosquitto', 'docs/moving-from-mosquitto.md', () => {
  it('has settings that send the same messages to the same topics as the bridge, and brings the same commands back', async () => {
    const cloud = await startMosquitto()
    const [port, web] = [await freePort(), await freePort()]
    const file = join(tempFolder(), 'edge.yaml')
    writeFileSync(file, settings(cloud, port, web))
    expect(await runHere(['settings', 'check', file])).toMatchObject({ code: 0, stderr: '' })
    await startTidegate(['run', '-s', file]).waitFor(/ready/)
    await untilAccepts(port)
    const inCloud = await heard(cloud.port, '#')
    const device = await client(port)
    await device.publishAsync('telemetry/press-1/temperature', '21.5', { qos: 1 })
    await device.publishAsync('events/door/1', 'open', { qos: 1 })
    const wanted = ['telemetry/press-1/temperature 21.5', 'sites/plant-7/events/door/1 open']
    await until(() => wanted.every((one) => inCloud.includes(one)), { what: 'the cloud has both messages' })

    const former = await startMosquitto({ config: bridge(cloud) })
    const [atEdge, atFormer] = [await heard(port, 'commands/#'), await heard(former.port, 'commands/#')]
    const operator = await client(cloud.port)
    await until(
      async () => {
        await operator.publishAsync('plant-7/commands/press-1', 'stop', { qos: 1 })
        return [atEdge, atFormer].every((all) => all.includes('commands/press-1 stop'))
      },
      { what: 'the command is at the site, by the edge and by the bridge' },
    )
    expect(new Set([...atEdge, ...atFormer])).toEqual(new Set(['commands/press-1 stop']))
  })
})
