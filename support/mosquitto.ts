import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './folder.ts'
import { peers } from './peers.ts'
import { freePort, untilAccepts } from './port.ts'
import { ROOT, type RunningProcess, startProcess } from './process.ts'

export interface MosquittoOptions {
  /** Default: a free port. */
  readonly port?: number
  /** More lines of mosquitto.conf; a later line overrides mosquitto/test.conf. */
  readonly config?: string
  /** Persistence, saved every second, in this folder. Default: nothing survives a restart. */
  readonly persistenceFolder?: string
}

/** A real Mosquitto on the loopback interface, stopped after the test file at the latest. */
export class Mosquitto {
  readonly port: number
  readonly #configFile: string
  #process: RunningProcess

  private constructor(port: number, configFile: string) {
    this.port = port
    this.#configFile = configFile
    this.#process = this.#spawn()
  }

  /** @throws Error when Mosquitto is not installed (see `describePeer`) or does not listen by the deadline. */
  static async start(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const port = options.port ?? (await freePort())
    const configFile = join(tempFolder(), 'mosquitto.conf')
    writeFileSync(configFile, configText(port, options))
    const mosquitto = new Mosquitto(port, configFile)
    await mosquitto.#ready()
    return mosquitto
  }

  #spawn(): RunningProcess {
    if (peers.mosquitto === undefined) throw new Error('mosquitto is not installed')
    return startProcess(peers.mosquitto, ['-c', this.#configFile])
  }

  async #ready(): Promise<void> {
    await Promise.race([
      untilAccepts(this.port),
      this.#process.exit.then((code) => {
        throw new Error(`mosquitto ended with code ${code}: ${this.#process.stderr}`)
      }),
    ])
  }

  get pid(): number {
    return this.#process.pid
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Stops it normally; with persistence it writes its state first. */
  stop(): Promise<void> {
    return this.#process.stop()
  }

  /** Power loss: sends SIGKILL, and waits until the process has ended. */
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

function configText(port: number, { config = '', persistenceFolder }: MosquittoOptions): string {
  const lines = [readFileSync(join(ROOT, 'mosquitto/test.conf'), 'utf8'), `listener ${port} 127.0.0.1`]
  if (process.getuid?.() === 0) lines.push('user root') // else it changes to a user without access to our folder
  if (persistenceFolder !== undefined) {
    lines.push('persistence true', `persistence_location ${persistenceFolder}/`, 'autosave_interval 1')
  }
  return `${[...lines, config].join('\n')}\n`
}

export function startMosquitto(options?: MosquittoOptions): Promise<Mosquitto> {
  return Mosquitto.start(options)
}
