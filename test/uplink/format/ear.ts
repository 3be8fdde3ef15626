import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../../../support/folder.ts'
import { peers } from '../../../support/peers.ts'
import { type RunningProcess, startProcess } from '../../../support/process.ts'
import { until } from '../../../support/wait.ts'
import { type Heard, Host } from './host.ts'

/** A subscriber that receives a message on this topic has received everything published before it. */
const FENCE = 'fence'

const at = (port: number): string[] => ['-h', '127.0.0.1', '-p', `${port}`]

/** Subscribes as a Sparkplug host does, with the mosquitto_sub client, and records the messages. */
export class Ear {
  readonly #port: number
  readonly #process: RunningProcess
  #fences = 0

  private constructor(port: number) {
    this.#port = port
    const args = [...at(port), '-q', '1', '-t', 'spBv1.0/#', '-t', FENCE, '-F', '=%t %x']
    this.#process = startProcess(peers.mosquittoSub!, args)
  }

  /** Resolves when it is subscribed. */
  static async listen(port: number): Promise<Ear> {
    await publish(port, FENCE, Buffer.from('retained'), ['-r'])
    const ear = new Ear(port)
    await ear.#process.waitFor(/^=fence/m)
    return ear
  }

  get #messages(): readonly Heard[] {
    const lines = this.#process.stdout.split('\n').slice(0, -1)
    return lines.map((line) => {
      const [topic, hex] = line.slice(1).split(' ')
      return { topic: topic!, payload: Buffer.from(hex!, 'hex') }
    })
  }

  get #heard(): readonly Heard[] {
    return this.#messages.filter(({ topic }) => topic !== FENCE)
  }

  /** The state of a host after everything that was published until now. */
  async everything(): Promise<Host> {
    const fence = Buffer.from(`${++this.#fences}`)
    await publish(this.#port, FENCE, fence)
    const came = ({ topic, payload }: Heard): boolean => topic === FENCE && fence.equals(payload)
    await until(() => this.#messages.some(came), { what: 'the fence is heard' })
    return new Host(this.#heard)
  }

  /** Waits until `count` messages of a kind have arrived. */
  async until(kind: string, count: number): Promise<void> {
    const heard = (): number => this.#heard.filter(({ topic }) => topic.split('/')[2] === kind).length
    await until(() => heard() >= count, { what: `${count} ${kind} are heard` })
  }
}

/** Publishes with mosquitto_pub, and waits until it has ended. */
export async function publish(port: number, topic: string, payload: Uint8Array, more: string[] = []): Promise<void> {
  const file = join(tempFolder(), 'payload')
  writeFileSync(file, payload)
  const client = startProcess(peers.mosquittoPub!, [...at(port), '-q', '1', '-t', topic, '-f', file, ...more])
  const code = await client.exit
  if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}: ${client.stderr}`)
}
