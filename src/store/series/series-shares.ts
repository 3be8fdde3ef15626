import type { StoreSettings } from '../../settings/edge.ts'

/** Share of `seriesMax` that one client may create if `seriesPerClientMax` is not set. */
const CLIENT_SHARE = 0.9
/** The same for one device if `seriesPerDeviceMax` is not set, and the least that it is. */
const DEVICE_SHARE = 0.25
const DEVICE_SERIES_MIN = 1_000
/** New series of one client or device count as recent for one to two times this long (ms). */
const RECENT_MS = 1_800_000

/** A client or device, and the number of its series. */
export interface SeriesCount {
  readonly name: string
  readonly series: number
}

export type CatalogSettings = Pick<StoreSettings, 'seriesMax' | 'seriesPerClientMax' | 'seriesPerDeviceMax'>

/** Series that one client may create: by default, a tenth of the catalog stays free for others. */
export function perClientMax({ seriesMax, seriesPerClientMax }: CatalogSettings): number {
  return Math.min(seriesMax, seriesPerClientMax ?? Math.ceil(seriesMax * CLIENT_SHARE))
}

/** Series that one device may have: by default, three quarters of the catalog stay free for others. */
export function perDeviceMax({ seriesMax, seriesPerDeviceMax }: CatalogSettings): number {
  const byDefault = Math.max(DEVICE_SERIES_MIN, Math.ceil(seriesMax * DEVICE_SHARE))
  return Math.min(seriesMax, seriesPerDeviceMax ?? byDefault)
}

/** Number of series that each client has created, or each device has; the name '' is not known, and is not counted. */
export class SeriesShares {
  readonly max: number
  readonly #counts = new Map<string, number>()
  /** New series by name: of the current period, and of the one before. */
  #recent = [new Map<string, number>(), new Map<string, number>()]
  #recentSince = performance.now()
  /** The highest number of all; undefined: not known since series were removed. */
  #highest: number | undefined = 0

  constructor(max: number) {
    this.max = max
  }

  /** Number of series that anyone may still create, at least. */
  get roomOfAll(): number {
    this.#highest ??= largestOf(this.#counts, 1)[0]?.series ?? 0
    return this.max - this.#highest
  }

  /** Number of series that this one may still create. */
  roomOf(name: string): number {
    return Math.max(0, this.max - (this.#counts.get(name) ?? 0))
  }

  /** @param isNew it was created now, not read from the disk */
  add(name: string, isNew: boolean): void {
    if (name === '') return
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    if (this.#highest !== undefined && count > this.#highest) this.#highest = count
    if (!isNew) return
    this.#age()
    const [current] = this.#recent
    current!.set(name, (current!.get(name) ?? 0) + 1)
  }

  remove(name: string): void {
    this.#highest = undefined
    const left = (this.#counts.get(name) ?? 0) - 1
    if (left > 0) this.#counts.set(name, left)
    else this.#counts.delete(name)
    for (const counts of this.#recent) if ((counts.get(name) ?? 0) > left) counts.set(name, Math.max(0, left))
  }

  /** Those with the most series that still exist. */
  largest(count: number): SeriesCount[] {
    return largestOf(this.#counts, count)
  }

  /** Those with the most new series in the last half an hour to hour. */
  fastest(count: number): SeriesCount[] {
    this.#age()
    const [current, former] = this.#recent
    const sums = new Map(current)
    for (const [name, series] of former!) sums.set(name, series + (sums.get(name) ?? 0))
    return largestOf(sums, count)
  }

  #age(): void {
    const now = performance.now()
    if (now - this.#recentSince < RECENT_MS) return
    const former = now - this.#recentSince < 2 * RECENT_MS ? this.#recent[0]! : new Map<string, number>()
    this.#recent = [new Map(), former]
    this.#recentSince = now
  }
}

function largestOf(counts: ReadonlyMap<string, number>, count: number): SeriesCount[] {
  const all = [...counts].filter(([, series]) => series > 0).map(([name, series]) => ({ name, series }))
  return all.sort((a, b) => b.series - a.series || (a.name < b.name ? -1 : 1)).slice(0, count)
}
