import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './folder.ts'
import { peers } from './peers.ts'
import { freePort, untilAccepts } from './port.ts'
import { type RunningProcess, startProcess } from './process.ts'

/**
 * A real nats-server on the loopback interface: MQTT 3.1.1 over JetStream, whose files outlive a kill. Stopped after the
 * test file at the latest.
 */
export class Nats {
  readonly port: number
  readonly #configFile: string
  #process: RunningProcess

  private constructor(port: number, configFile: string) {
    this.port = port
    this.#configFile = configFile
    this.#process = this.#spawn()
  }

  /** @throws Error when nats-server is not installed (see `describePeer`) or does not listen by the deadline. */
  static async start(): Promise<Nats> {
    const folder = tempFolder()
    const port = await freePort()
    const configFile = join(folder, 'nats.conf')
    writeFileSync(configFile, configText(port, await freePort(), join(folder, 'jetstream')))
    const nats = new Nats(port, configFile)
    await nats.#ready()
    return nats
  }

  #spawn(): RunningProcess {
    if (peers.nats === undefined) throw new Error('nats-server is not installed')
    return startProcess(peers.nats, ['-c', this.#configFile])
  }

  async #ready(): Promise<void> {
    await Promise.race([
      untilAccepts(this.port),
      this.#process.exit.then((code) => {
        throw new Error(`nats-server ended with code ${code}: ${this.#process.stderr}`)
      }),
    ])
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Its log since the last start. */
  get output(): string {
    return this.#process.stderr
  }

  /** Power loss for this process: sends SIGKILL, and waits until the process has ended. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#process.exit
  }

  /** Starts it again on the same port with the same folder; stops it first if it still runs. */
  async restart(): Promise<void> {
    await this.#process.stop()
    this.#process = this.#spawn()
    await this.#ready()
  }
}

function configText(port: number, natsPort: number, folder: string): string {
  return `server_name: tidegate
listen: "127.0.0.1:${natsPort}"
jetstream { store_dir: ${JSON.stringify(folder)} }
mqtt { listen: "127.0.0.1:${port}" }
`
}

export function startNats(): Promise<Nats> {
  return Nats.start()
}
