import type { StoreSettings } from '../../settings/edge.ts'
import { perClientMax } from '../../store/series/client-shares.ts'
import type { Store } from '../../store/store.ts'
import type { CatalogStatus } from '../protocol.ts'
import type { Committer } from './committer.ts'

/** From this share of the catalog on, its status names who fills it. */
const NEARLY_FULL = 0.9
const LARGEST_MAX = 5
/** The largest devices and clients are searched at most this often (ms): the search reads every series. */
const SEARCH_EVERY_MS = 10_000

const NONE: CatalogStatus['largest'] = { devices: [], clients: [] }

/** Observes how full the catalog of series is. Times are monotonic milliseconds. */
export class CatalogWatch {
  readonly #store: Store
  readonly #settings: Pick<StoreSettings, 'seriesMax' | 'seriesPerClientMax'>
  readonly #shortages: Committer['shortages']
  #counted = 0
  #shortAt: number | undefined
  #largest = NONE
  #searchedAt = Number.NEGATIVE_INFINITY

  constructor(
    store: Store,
    settings: Pick<StoreSettings, 'seriesMax' | 'seriesPerClientMax'>,
    shortages: Committer['shortages'],
  ) {
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
      refused,
      keptAsRejects: kept,
      lastShortageMs: this.#shortAt === undefined ? undefined : now - this.#shortAt,
      largest: this.#findLargest(now),
    }
  }

  #findLargest(now: number): CatalogStatus['largest'] {
    const { catalog } = this.#store.intake
    if (catalog.seriesCount < NEARLY_FULL * this.#settings.seriesMax && this.#shortAt === undefined) return NONE
    if (now - this.#searchedAt < SEARCH_EVERY_MS) return this.#largest
    this.#searchedAt = now
    this.#largest = catalog.largest(LARGEST_MAX)
    return this.#largest
  }
}
