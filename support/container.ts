import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './folder.ts'
import { ROOT, type RunningProcess, startProcess } from './process.ts'

/** The members of a service of docker-compose.yml that decide what its process may do. */
export interface ComposeService {
  readonly user?: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly read_only?: boolean
  readonly tmpfs?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly secrets: readonly string[]
}

export interface ContainerOptions {
  /** What the image adds: user, entry point, working folder of the program. */
  readonly image: { readonly user: string; readonly entrypoint?: readonly string[] }
  /** Folder with the secrets, named as in the compose file. */
  readonly secrets: string
  /** Other files at the places of volumes, by the source in the compose file; named volumes are new folders. */
  readonly volumes: Readonly<Record<string, string>>
  /** Added to the environment of the service. */
  readonly env?: Readonly<Record<string, string>>
  /** Names of the other containers. */
  readonly hosts: readonly string[]
}

/** Whether this process may play containers: root on Linux, with the permission to mount. */
export function canPlayContainers(): boolean {
  if (process.getuid?.() !== 0) return false
  try {
    execFileSync('unshare', ['-m', 'setpriv', '--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * A service of a compose file as a process: its own root folder, the same paths, user, capabilities and environment. The
 * network is that of this machine. Node.js and Tidegate come from this checkout, mounted at /app.
 */
export class Container {
  readonly #service: ComposeService
  readonly #options: ContainerOptions

  constructor(service: ComposeService, options: ContainerOptions) {
    this.#service = service
    this.#options = options
    for (const [source, folder] of Object.entries(options.volumes)) if (!source.startsWith('./')) this.#own(folder)
  }

  /** A new named volume takes its owner from the image. */
  #own(folder: string): void {
    const [uid, gid] = this.#user.split(':').map(Number) as [number, number]
    mkdirSync(folder, { recursive: true })
    chownSync(folder, uid, gid)
  }

  get #user(): string {
    return this.#service.user ?? this.#options.image.user
  }

  start(): RunningProcess {
    const { entrypoint = this.#options.image.entrypoint ?? [], command = [] } = this.#service
    return this.exec([...entrypoint, ...command])
  }

  /** Runs another command in a container like that of the service. */
  exec(command: readonly string[]): RunningProcess {
    const work = tempFolder()
    const variables = { ...this.#service.environment, ...this.#options.env }
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    writeFileSync(join(work, 'env'), lines.join('\n'))
    mkdirSync(join(work, 'root'))
    chmodSync(work, 0o755)
    const env = {
      RUN_USER: this.#user,
      RUN_READ_ONLY: this.#service.read_only === true ? '1' : '0',
      RUN_ENV: join(work, 'env'),
    }
    const args = ['-m', 'sh', join(ROOT, 'support/container.sh'), join(work, 'root'), ...command]
    return startProcess('unshare', args, { env, input: `${this.#mounts().join('\n')}\n` })
  }

  #mounts(): string[] {
    const { tmpfs = [], volumes, secrets } = this.#service
    return [
      `bind ${ROOT} /app ro`,
      ...this.#options.hosts.map((name) => `hosts ${name}`),
      ...tmpfs.map((line) => {
        const [target, options = 'mode=1777'] = line.split(':')
        return `tmpfs ${target} ${options}`
      }),
      ...volumes.map((line) => {
        const [source = '', target, mode = 'rw'] = line.split(':')
        return `bind ${this.#options.volumes[source] ?? join(ROOT, source)} ${target} ${mode}`
      }),
      ...secrets.map((name) => `bind ${join(this.#options.secrets, name)} /run/secrets/${name} ro`),
    ]
  }
}
