import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { EdgeStatus } from '../../src/edge/status.ts'
import { type ComposeService, Container, canPlayContainers } from '../../support/container.ts'
import { tempFolder } from '../../support/folder.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort, untilAccepts } from '../../support/port.ts'
import { ROOT, type RunningProcess } from '../../support/process.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

type Service = ComposeService & { readonly healthcheck: { readonly test?: readonly string[] } }
type Name = 'mosquitto' | 'edge' | 'receiver'

const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')) as {
  readonly services: Readonly<Record<Name, Service>>
}
const NODE = '/app/node_modules/.bin/node'
const IMAGE = { user: '1000:1000', entrypoint: [NODE, '/app/src/main.ts'] } // as the Dockerfile has it, from source

/** Deadline (ms) for a start that compiles every module: a container has no cache of compiled code. */
const START_MS = 60_000

const folder = tempFolder()
const running = new Map<Name, RunningProcess>()
let containers: Readonly<Record<Name, Container>>
let device: MqttClient
const ports = { cloud: 0, edge: 0, web: 0 }

/** The configuration of Mosquitto as it is, on a port of the loopback interface. */
function mosquittoFolder(): string {
  const copy = join(folder, 'mosquitto')
  cpSync(join(ROOT, 'mosquitto'), copy, { recursive: true })
  const file = join(copy, 'mosquitto.conf')
  writeFileSync(file, readFileSync(file, 'utf8').replace('listener 1883', `listener ${ports.cloud} 127.0.0.1`))
  return copy
}

function secrets(): string {
  const made = join(folder, 'secrets')
  mkdirSync(made)
  for (const name of services.mosquitto.secrets) writeFileSync(join(made, name), `secret of ${name}\n`)
  return made
}

function makeContainers(): Record<Name, Container> {
  const common = { secrets: secrets(), hosts: ['mosquitto'], image: IMAGE }
  const cloud = `mqtt://mosquitto:${ports.cloud}`
  const volume = (name: string): Record<string, string> => ({ [name]: join(folder, `volume-${name}`) })
  const loopback = { TIDEGATE_BROKER__TCP__HOST: '127.0.0.1', TIDEGATE_WEB__HOST: '127.0.0.1' }
  const own = { TIDEGATE_BROKER__TCP__PORT: String(ports.edge), TIDEGATE_WEB__PORT: String(ports.web) }
  return {
    mosquitto: new Container(services.mosquitto, {
      ...common,
      volumes: { './mosquitto': mosquittoFolder(), ...volume('cloud') },
    }),
    edge: new Container(services.edge, {
      ...common,
      volumes: volume('edge'),
      env: { TIDEGATE_UPLINKS__0__URL: cloud, ...loopback, ...own },
    }),
    receiver: new Container(services.receiver, {
      ...common,
      volumes: volume('received'),
      env: { TIDEGATE_CLOUD__URL: cloud },
    }),
  }
}

async function status(): Promise<EdgeStatus> {
  return (await (await fetch(`http://127.0.0.1:${ports.web}/api/status`)).json()) as EdgeStatus
}

/** Runs the health check of the edge in its container. */
function health(): Promise<number> {
  const [, ...test] = services.edge.healthcheck.test ?? []
  const command = test.map((word) => (word === 'node' ? NODE : word.replace('dist/main.js', '/app/src/main.ts')))
  return containers.edge.exec(command).exit
}

/** What the receiver knows of a device's config, printed by its command line in its container. */
async function tidegate(...args: string[]): Promise<string> {
  const command = containers.receiver.exec([...IMAGE.entrypoint, ...args, '-s', '/etc/tidegate/receiver.yaml'])
  expect([await command.exit, command.stderr]).toEqual([0, ''])
  return command.stdout
}

const played = canPlayContainers()

describePeer('mosquitto', 'docker-compose.yml, played with processes', () => {
  describe.skipIf(!played)(played ? 'as root' : '(skipped: only root may mount)', () => {
    beforeAll(async () => {
      chmodSync(folder, 0o755)
      for (const name of ['cloud', 'edge', 'web'] as const) ports[name] = await freePort()
      containers = makeContainers()
      for (const name of ['mosquitto', 'receiver', 'edge'] as const) running.set(name, containers[name].start())
      await Promise.all([
        untilAccepts(ports.cloud),
        running.get('receiver')!.waitFor(/has started/, START_MS),
        running.get('edge')!.waitFor(/is ready/, START_MS),
      ])
      device = await connectAsync(`mqtt://127.0.0.1:${ports.edge}`)
      onStop(() => device.endAsync(true))
    }, 2 * START_MS)

    it('runs every service without a right to write outside its volumes', async () => {
      for (const name of ['mosquitto', 'edge', 'receiver'] as const) {
        const write = containers[name].exec(['sh', '-c', 'id -u; touch /app/x /usr/x /etc/x || exit 3'])
        expect(await write.exit, name).toBe(3)
        expect(write.stdout.trim()).toMatch(/^(1000|1883)$/)
      }
    })

    it('delivers readings: the receiver stores them, and its receipt reaches the edge', async () => {
      await device.publishAsync('telemetry/press-1/temperature', '21.5', { qos: 1 })
      await until(async () => (await status()).uplinks[0]?.confirmedReadings === 1, { what: 'the receipt' })
    })

    it('delivers forwarded messages', async () => {
      await device.publishAsync('events/door/1', 'open', { qos: 1 })
      const forwards = async () => (await status()).store.forwards.uplinks[0]
      await until(async () => (await forwards())?.confirmed === 1, { what: 'the PUBACK for the event' })
      expect(await forwards()).toMatchObject({ parked: 0 })
    })

    it('brings configs down to a device and its changes up to the cloud', async () => {
      const topic = 'devices/pump-17/config'
      const heard: string[] = []
      device.on('message', (_topic, payload) => heard.push(payload.toString()))
      await device.subscribeAsync(topic, { qos: 1 })
      await tidegate('cloud', 'config', 'set', 'plant-7', 'pump-17', '--patch', '{"gain":2}')
      await until(() => heard.includes('{"gain":2}'), { what: 'the config at the device' })
      await device.publishAsync(`${topic}/set`, '{"id":"1","patch":{"speed":7}}', { qos: 1 })
      await until(async () => /"?speed"?: ?7/.test(await tidegate('cloud', 'config', 'show', 'plant-7', 'pump-17')), {
        what: 'the change in the cloud',
      })
      expect((await status()).uplinks[0]?.configProblem).toBeUndefined()
    })

    it('has an edge that is alive for its health check, with its cloud and without', async () => {
      expect(await health()).toBe(0)
      running.get('mosquitto')!.kill('SIGTERM')
      await running.get('mosquitto')!.exit
      expect(await health()).toBe(0)
    })
  })
})
