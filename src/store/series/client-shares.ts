import type { StoreSettings } from '../../settings/edge.ts'

/** Share of `seriesMax` that one client may create if `seriesPerClientMax` is not set. */
const CLIENT_SHARE = 0.9

/** A client or device, and the number of its series. */
export interface SeriesCount {
  readonly name: string
  readonly series: number
}

type CatalogSettings = Pick<StoreSettings, 'seriesMax' | 'seriesPerClientMax'>

/** Series that one client may create: by default, a tenth of the catalog stays free for others. */
export function perClientMax({ seriesMax, seriesPerClientMax }: CatalogSettings): number {
  return Math.min(seriesMax, seriesPerClientMax ?? Math.ceil(seriesMax * CLIENT_SHARE))
}

/** Number of series that each client has created; the client '' is not known, and is not counted. */
export class ClientShares {
  readonly max: number
  readonly #counts = new Map<string, number>()

  constructor(settings: CatalogSettings) {
    this.max = perClientMax(settings)
  }

  /** Number of series that this client may still create. */
  roomOf(client: string): number {
    return Math.max(0, this.max - (this.#counts.get(client) ?? 0))
  }

  add(client: string): void {
    if (client !== '') this.#counts.set(client, (this.#counts.get(client) ?? 0) + 1)
  }

  remove(client: string): void {
    const left = (this.#counts.get(client) ?? 0) - 1
    if (left > 0) this.#counts.set(client, left)
    else this.#counts.delete(client)
  }

  /** The clients that created the most series that still exist. */
  largest(count: number): SeriesCount[] {
    return largestOf(this.#counts, count)
  }
}

export function largestOf(counts: ReadonlyMap<string, number>, count: number): SeriesCount[] {
  const all = [...counts].map(([name, series]) => ({ name, series }))
  return all.sort((a, b) => b.series - a.series || (a.name < b.name ? -1 : 1)).slice(0, count)
}
