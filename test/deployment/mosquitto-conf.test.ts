import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { beforeAll, describe, expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort, untilAccepts } from '../../support/port.ts'
import { ROOT, startProcess } from '../../support/process.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

const USERS = { 'plant-7': 'tide and gate', 'plant-8': 'ebb', receiver: 'flood' } as const
type User = keyof typeof USERS

const folder = tempFolder()
const secrets = join(folder, 'secrets')
let port: number

/** The configuration of docker-compose.yml, with folders of this machine in it. */
async function start(): Promise<ReturnType<typeof startProcess>> {
  port = await freePort()
  const text = readFileSync(join(ROOT, 'mosquitto/mosquitto.conf'), 'utf8')
    .replace('listener 1883', `listener ${port} 127.0.0.1\nuser root`)
    .replace('/mosquitto/data/', `${folder}/`)
    .replace('/run/mosquitto/passwords', join(folder, 'passwords'))
    .replace('/mosquitto/config/acl', join(ROOT, 'mosquitto/acl'))
    .replace('log_dest stdout', 'log_dest stderr')
  writeFileSync(join(folder, 'mosquitto.conf'), text)
  return startProcess('sh', [join(ROOT, 'mosquitto/start.sh')], {
    env: {
      PATH: `${process.env.PATH}:/usr/sbin`,
      SECRETS: secrets,
      PASSWORDS: join(folder, 'passwords'),
      CONFIG: join(folder, 'mosquitto.conf'),
    },
  })
}

/** Logs in with MQTT 5, whose answers include the reason code. */
async function login(username: User, password: string = USERS[username]): Promise<MqttClient> {
  const client = await connectAsync({
    host: '127.0.0.1',
    port,
    protocolVersion: 5,
    username,
    password,
    reconnectPeriod: 0,
    connectTimeout: 5_000,
  })
  onStop(() => client.endAsync(true))
  return client
}

/** The reason code of a publish with QoS 1: 0 accepted, 16 no matching subscribers, 135 not authorized. */
async function publish(client: MqttClient, topic: string): Promise<number> {
  try {
    const ack = await client.publishAsync(topic, 'x', { qos: 1 })
    return (ack as { reasonCode?: number } | undefined)?.reasonCode ?? 0
  } catch (refusal) {
    return (refusal as { code: number }).code
  }
}

async function listen(client: MqttClient, ...topics: string[]): Promise<string[]> {
  const heard: string[] = []
  client.on('message', (topic) => heard.push(topic))
  await client.subscribeAsync(topics, { qos: 1 })
  return heard
}

describePeer('mosquitto', 'the configuration of the cloud broker', () => {
  beforeAll(async () => {
    mkdirSync(secrets)
    for (const [user, password] of Object.entries(USERS)) {
      writeFileSync(join(secrets, `mqtt-${user}`), `${password}\n`)
    }
    await start()
    await untilAccepts(port)
  })

  it('contains no password in plain text', () => {
    const text = readFileSync(join(folder, 'passwords'), 'utf8')
    expect(text.match(/^(plant-7|plant-8|receiver):\$/gm)).toHaveLength(3)
    for (const password of Object.values(USERS)) expect(text).not.toContain(password)
  })

  it('rejects a wrong password', async () => {
    await expect(login('plant-7', 'guess')).rejects.toThrow('Not authorized')
    expect((await login('plant-7')).connected).toBe(true)
  })

  it('allows batches up to the receiver and receipts down to their edge', async () => {
    const [edge, receiver] = [await login('plant-7'), await login('receiver')]
    const up = await listen(receiver, 'tidegate/+/up/#', 'tidegate/+/status')
    const down = await listen(edge, 'tidegate/plant-7/down/#')
    const sent = ['tidegate/plant-7/up/live', 'tidegate/plant-7/up/amend', 'tidegate/plant-7/status']
    for (const topic of sent) expect(await publish(edge, topic)).toBe(0)
    expect(await publish(receiver, 'tidegate/plant-7/down/receipt')).toBe(0)
    await until(() => up.length === 3 && down.length === 1, { what: 'the messages' })
    expect([up, down]).toEqual([sent, ['tidegate/plant-7/down/receipt']])
  })

  it('allows the receiver to say that it is there, and every edge to read it', async () => {
    const [edge, receiver] = [await login('plant-7'), await login('receiver')]
    const heard = await listen(edge, 'tidegate/$receiver')
    expect(await publish(receiver, 'tidegate/$receiver')).toBe(0)
    await until(() => heard.length === 1, { what: 'the status' })
    expect(await publish(edge, 'tidegate/$receiver')).toBe(135)
  })

  it('denies an edge the topics of another edge, and the receiver the topics of edges', async () => {
    const [edge, receiver] = [await login('plant-8'), await login('receiver')]
    for (const topic of [
      'tidegate/plant-7/up/live',
      'tidegate/plant-7/status',
      'tidegate/plant-8/down/receipt',
      'else',
    ]) {
      expect(await publish(edge, topic)).toBe(135)
    }
    expect(await publish(receiver, 'tidegate/plant-7/up/live')).toBe(135)
    const heard = await listen(edge, '#')
    await publish(receiver, 'tidegate/plant-7/down/receipt')
    await publish(receiver, 'tidegate/plant-8/down/receipt') // arrives after the other message, if that arrives at all
    await until(() => heard.length > 0, { what: 'its own receipt' })
    expect(heard).toEqual(['tidegate/plant-8/down/receipt'])
  })
})

describe('the start of the cloud broker', () => {
  it('fails without a secret, and with a secret that would be cut short', async () => {
    const own = tempFolder()
    const begin = (): Promise<number> =>
      startProcess('sh', [join(ROOT, 'mosquitto/start.sh')], {
        env: { SECRETS: own, PASSWORDS: join(own, 'passwords') },
      }).exit
    expect(await begin()).toBe(78)
    writeFileSync(join(own, 'mqtt-plant-7'), 'tide:gate\n')
    expect(await begin()).toBe(78)
  })
})
