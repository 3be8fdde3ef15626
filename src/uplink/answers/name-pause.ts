import type { UplinkDependencies, UplinkStats } from '../dependencies.ts'
import { WakeableWait } from '../wakeable-wait.ts'

type PauseDependencies = Pick<UplinkDependencies, 'outbox' | 'edge' | 'log'>

/**
 * The pause of an uplink whose receiver says that another edge uses the name of this one. The store keeps it over restarts.
 * Until an operator ends it, the uplink makes no connection: with the same client id, it would end that of the other edge.
 */
export class NamePause {
  readonly #deps: PauseDependencies
  readonly #wait = new WakeableWait()
  #since: number | undefined

  constructor(dependencies: PauseDependencies) {
    this.#deps = dependencies
  }

  /** The name, and since when the uplink waits (UTC ms); undefined: it does not. */
  get stats(): UplinkStats['paused'] {
    return this.#since === undefined ? undefined : { edge: this.#deps.edge, at: this.#since }
  }

  /** Something may have changed in the store. */
  notify(): void {
    this.#wait.wake()
  }

  /** Resolves with true when the uplink may connect, or with false when the signal fires. @throws what the store throws */
  async over(signal: AbortSignal): Promise<boolean> {
    const stop = (): void => this.#wait.wake()
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        const { mark } = this.#wait
        const since = await this.#deps.outbox.pausedSince()
        if (since !== undefined && this.#since === undefined) {
          const { log, edge } = this.#deps
          log.error(
            { edge },
            'another edge uses the name of this one: the uplink is paused until `tidegate uplink resume`',
          )
        }
        this.#since = since
        if (since === undefined) return true
        await this.#wait.sleep(Infinity, mark)
      }
      return false
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}
