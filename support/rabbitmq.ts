import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFirst } from './find.ts'
import { tempFolder } from './folder.ts'
import { peers } from './peers.ts'
import { freePort, untilAccepts } from './port.ts'
import { type RunningProcess, startProcess } from './process.ts'
import { onStop } from './started.ts'

/** It takes four seconds to start on an idle machine. */
const START_MS = 60_000

/**
 * A real RabbitMQ on the loopback interface with only its MQTT 3.1.1 plugin. Its node name, Erlang port mapper,
 * cookie and folders are its own, so an installed RabbitMQ is not affected. Killed after the test file at the
 * latest, together with its port mapper.
 */
export class RabbitMq {
  readonly port: number
  readonly #folder: string
  readonly #ports: { readonly epmd: number; readonly dist: number }
  #process: RunningProcess

  private constructor(folder: string, port: number, ports: { epmd: number; dist: number }) {
    this.#folder = folder
    this.port = port
    this.#ports = ports
    this.#process = this.#spawn()
  }

  /** @throws Error when RabbitMQ is not installed (see `describePeer`) or does not listen by the deadline. */
  static async start(): Promise<RabbitMq> {
    const folder = tempFolder()
    const port = await freePort()
    writeFileSync(join(folder, 'rabbitmq.conf'), configText(port))
    writeFileSync(join(folder, 'plugins'), '[rabbitmq_mqtt].\n')
    mkdirSync(join(folder, 'home'))
    const ports = { epmd: await freePort(), dist: await freePort() }
    await startPortMapper(ports.epmd)
    const rabbitMq = new RabbitMq(folder, port, ports)
    await rabbitMq.#ready()
    return rabbitMq
  }

  #spawn(): RunningProcess {
    if (peers.rabbitmq === undefined) throw new Error('rabbitmq-server is not installed')
    const args = ['-noinput', '-kernel', 'inet_dist_use_interface', '{127,0,0,1}']
    const running = startProcess(peers.rabbitmq, args, { env: this.#env() })
    // A normal stop takes three seconds, and its folder is removed anyway.
    onStop(() => this.kill())
    return running
  }

  #env(): Record<string, string> {
    const at = (name: string): string => join(this.#folder, name)
    return {
      HOME: at('home'),
      ERL_EPMD_PORT: `${this.#ports.epmd}`,
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `tidegate${this.port}@localhost`,
      RABBITMQ_DIST_PORT: `${this.#ports.dist}`,
      RABBITMQ_ALLOW_INPUT: '1', // the script becomes the server: one process to kill
      RABBITMQ_CONF_ENV_FILE: at('none.conf'),
      RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: at('none.config'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('plugins'),
      RABBITMQ_MNESIA_BASE: at('data'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_PID_FILE: at('pid'),
      RABBITMQ_GENERATED_CONFIG_DIR: at('generated'),
      RABBITMQ_PLUGINS_EXPAND_DIR: at('expanded'),
    }
  }

  async #ready(): Promise<void> {
    await Promise.race([
      untilAccepts(this.port, START_MS),
      this.#process.exit.then((code) => {
        throw new Error(`RabbitMQ ended with code ${code}: ${this.output}`)
      }),
    ])
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Its log since the last start. */
  get output(): string {
    return this.#process.stdout + this.#process.stderr
  }

  /** Power loss for this process: sends SIGKILL, and waits until the process has ended. */
  async kill(): Promise<void> {
    if (this.#process.ended) return
    this.#process.kill('SIGKILL')
    await this.#process.exit
  }

  /** Starts it again on the same port with the same folder; kills it first if it still runs. */
  async restart(): Promise<void> {
    await this.kill()
    this.#process = this.#spawn()
    await this.#ready()
  }
}

/** Erlang nodes find each other through it; without our own RabbitMQ would start one that keeps running. */
async function startPortMapper(port: number): Promise<void> {
  const epmd = findFirst('epmd')
  if (epmd === undefined) throw new Error('epmd, which RabbitMQ needs, is not installed')
  startProcess(epmd, ['-port', `${port}`], { env: { ERL_EPMD_ADDRESS: '127.0.0.1' } })
  await untilAccepts(port)
}

function configText(port: number): string {
  return `listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:${port}
mqtt.allow_anonymous = true
log.console.level = warning
`
}

export function startRabbitMq(): Promise<RabbitMq> {
  return RabbitMq.start()
}
