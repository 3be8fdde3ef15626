import { type CatalogSettings, perClientMax, perDeviceMax } from '../../store/series/series-shares.ts'
import type { Store } from '../../store/store.ts'
import type { CatalogStatus } from '../protocol.ts'
import type { MessageWriter } from './message-writer.ts'

/** From this share of the catalog on, its status names who fills it. */
const NEARLY_FULL = 0.9
const LARGEST_MAX = 5
/** The largest devices and clients are searched at most this often (ms): the search reads every series. */
const SEARCH_EVERY_MS = 10_000

const NONE: CatalogStatus['largest'] = { devices: [], clients: [] }

/** Observes how full the catalog of series is. Times are monotonic milliseconds. */
export class CatalogWatch {
  readonly #store: Store
  readonly #settings: CatalogSettings
  readonly #shortages: MessageWriter['shortages']
  #counted = 0
  #shortAt: number | undefined
  #found: Pick<CatalogStatus, 'largest' | 'fastest'> = { largest: NONE, fastest: NONE }
  #searchedAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, settings: CatalogSettings, shortages: MessageWriter['shortages']) {
    this.#store = store
    this.#settings = settings
    this.#shortages = shortages
  }

  /** Call after each commit. */
  observe(now: number): void {
    const { refused, kept } = this.#shortages
    if (refused + kept === this.#counted) return
    this.#counted = refused + kept
    this.#shortAt = now
  }

  status(now: number): CatalogStatus {
    const { seriesMax } = this.#settings
    const { refused, kept } = this.#shortages
    return {
      seriesMax,
      perClientMax: perClientMax(this.#settings),
      perDeviceMax: perDeviceMax(this.#settings),
      refused,
      keptAsRejects: kept,
      lastShortageMs: this.#shortAt === undefined ? undefined : now - this.#shortAt,
      ...this.#find(now),
    }
  }

  /** Reads the numbers of all clients and devices, so not each time. */
  #find(now: number): Pick<CatalogStatus, 'largest' | 'fastest'> {
    if (now - this.#searchedAt < SEARCH_EVERY_MS) return this.#found
    this.#searchedAt = now
    const { catalog } = this.#store.intake
    const isSearched = catalog.seriesCount >= NEARLY_FULL * this.#settings.seriesMax || this.#shortAt !== undefined
    const largest = isSearched ? catalog.largest(LARGEST_MAX) : NONE
    this.#found = { largest, fastest: catalog.fastest(LARGEST_MAX) }
    return this.#found
  }
}
