import type { Database, Statement } from 'better-sqlite3'
import type { Reading, ValueType } from '../base/reading.ts'
import { type Device, newDevice, type Series } from './series/series.ts'
import { readLastId, readSeries } from './series/series-rows.ts'
import {
  type CatalogSettings,
  perClientMax,
  perDeviceMax,
  type SeriesCount,
  SeriesShares,
} from './series/series-shares.ts'
import { NO_COUNTS, readDevices, Tallies } from './tallies.ts'

/** Why a message gets no new series: the catalog is full, or its client or device has its share of it. */
export type Shortage = 'catalog' | 'client' | 'device'

/** The device that counts for devices without a row: those that came after the catalog was full, and removed ones. */
export const OTHERS = '*'

/** Series ids stay below this number, because a block id consists of a part and a series (sealed/blocks.ts). */
const SERIES_ID_LIMIT = 2 ** 24

/**
 * Devices and series by name, in memory, and their rows. Only the store's transaction changes it. After a failed
 * transaction it is discarded and read again, because the disk is the truth.
 */
export class Catalog {
  readonly #devices = new Map<string, Device>()
  /**
   * The series of a (device, metric) that had the last reading: a reading that names no unit belongs to it. Undefined: the
   * metric has several units, and this process has not seen any of them; then such a reading has no unit.
   */
  readonly #current = new Map<Device, Map<string, Series | undefined>>()
  readonly #byUnit = new Map<string, Series>()
  readonly #byId: (Series | undefined)[] = []
  readonly #clients: SeriesShares
  readonly #deviceShares: SeriesShares
  readonly #insertDevice: Statement<[string]>
  readonly #insertSeries: Statement<[number, number, string, string, string]>
  readonly #setKind: Statement<[ValueType | null, number, number]>
  readonly #unitsOf: Statement<[number, string]>
  readonly #tallies: Tallies
  readonly #seriesMax: number
  /** The highest id that a series ever had: a removed id is used again only when there are no higher ones. */
  #lastId: number
  /** Where the search for a free id begins. */
  #free = 1
  #removals = 0
  #removed: number[] = []

  constructor(database: Database, settings: CatalogSettings) {
    this.#seriesMax = settings.seriesMax
    this.#clients = new SeriesShares(perClientMax(settings))
    this.#deviceShares = new SeriesShares(perDeviceMax(settings))
    this.#lastId = readLastId(database)
    this.#insertDevice = database.prepare('INSERT INTO devices (name) VALUES (?)')
    this.#insertSeries = database.prepare(
      'INSERT INTO series (id, device, metric, unit, client, is_new) VALUES (?, ?, ?, ?, ?, 1)',
    )
    this.#setKind = database.prepare('UPDATE series SET type = ?, is_new = ? WHERE id = ?')
    this.#unitsOf = database.prepare('SELECT id FROM series WHERE device = ? AND metric = ? LIMIT 2').pluck()
    this.#tallies = new Tallies(database)
    const devices = new Map<number, Device>()
    for (const counts of readDevices(database)) {
      const device = newDevice(counts.id, counts.name, counts)
      devices.set(device.id, device)
      this.#devices.set(device.name, device)
      this.#tallies.follow(device)
    }
    for (const series of readSeries(database, devices)) {
      const { device, metric } = series
      const former = this.#current.get(device)?.get(metric)
      this.#remember(series, false)
      if (former === undefined) continue
      former.current = false
      this.#current.get(device)!.set(metric, undefined)
    }
  }

  get deviceCount(): number {
    return this.#devices.size
  }

  get seriesCount(): number {
    return this.#byUnit.size
  }

  /** Number of series that can still be created. */
  get room(): number {
    return Math.max(0, this.#seriesMax - this.#byUnit.size)
  }

  /** Number of series that this client can still create. */
  roomOf(client: string): number {
    return Math.min(this.room, this.#clients.roomOf(client))
  }

  /** Changes when series or devices are removed: objects from before may be gone. */
  get removals(): number {
    return this.#removals
  }

  /** Ids of series that were removed since the last call. */
  takeRemoved(): readonly number[] {
    const removed = this.#removed
    this.#removed = []
    return removed
  }

  /**
   * Why these readings of one message cannot be stored: they need more new series than there is room for. Undefined:
   * they can. A message is stored as a whole or not at all.
   */
  shortage(readings: readonly Reading[], client: string): Shortage | undefined {
    // As long as everyone has room, no series has to be found.
    if (readings.length <= Math.min(this.room, this.#clients.roomOfAll, this.#deviceShares.roomOfAll)) return undefined
    const fresh = new Set<string>()
    const freshOf = new Map<string, number>()
    for (const { device, metric, unit } of readings) {
      if (this.known(device, metric, unit) !== undefined) continue
      const name = `${device}\n${metric}\n${unit ?? ''}`
      if (fresh.has(name)) continue
      fresh.add(name)
      const ofDevice = (freshOf.get(device) ?? 0) + 1
      freshOf.set(device, ofDevice)
      if (fresh.size > this.room) return 'catalog'
      if (fresh.size > this.#clients.roomOf(client)) return 'client'
      if (ofDevice > this.#deviceShares.roomOf(device)) return 'device'
    }
    return undefined
  }

  series(id: number): Series | undefined {
    return this.#byId[id]
  }

  device(name: string): Device {
    let device = this.#devices.get(name)
    if (device === undefined) {
      const id = Number(this.#insertDevice.run(name).lastInsertRowid)
      device = newDevice(id, name, NO_COUNTS)
      this.#devices.set(name, device)
      this.#tallies.follow(device)
    }
    return device
  }

  /**
   * The device if it is known or there is room for it; otherwise the device that counts for all others.
   */
  deviceOrOverflow(name: string): Device {
    return this.#devices.get(name) ?? this.device(this.#devices.size < this.#seriesMax ? name : OTHERS)
  }

  /** The devices and the clients with the most series, at most `count` of each. */
  largest(count: number): { readonly devices: readonly SeriesCount[]; readonly clients: readonly SeriesCount[] } {
    return { devices: this.#deviceShares.largest(count), clients: this.#clients.largest(count) }
  }

  /** The same for series that were created in the last half an hour to hour. */
  fastest(count: number): { readonly devices: readonly SeriesCount[]; readonly clients: readonly SeriesCount[] } {
    return { devices: this.#deviceShares.fastest(count), clients: this.#clients.fastest(count) }
  }

  /** All series, also those that are created while the caller iterates. */
  all(): Iterable<Series> {
    return this.#byUnit.values()
  }

  /** The series that `find` returns; undefined: it would create one. */
  known(deviceName: string, metric: string, unit: string | undefined): Series | undefined {
    const device = this.#devices.get(deviceName)
    return device && this.#known(device, metric, unit)
  }

  #known(device: Device, metric: string, unit: string | undefined): Series | undefined {
    const current = this.#current.get(device)?.get(metric)
    if (current !== undefined && (unit === undefined || unit === current.unit)) return current
    return this.#byUnit.get(key(device, metric, unit ?? ''))
  }

  /** The series of a reading; created for this client if it is new. Check `shortage` first. */
  find(device: Device, metric: string, unit: string | undefined, client = ''): Series {
    const { lastSeries } = device
    if (lastSeries?.metric === metric && (unit === undefined ? lastSeries.current : unit === lastSeries.unit)) {
      return lastSeries
    }
    const found = this.#known(device, metric, unit) ?? this.#create(device, metric, unit, client)
    device.lastSeries = found
    return found
  }

  #create(device: Device, metric: string, unit: string | undefined, client: string): Series {
    const id = this.#newId()
    this.#insertSeries.run(id, device.id, metric, unit ?? '', client)
    const empty = { type: undefined, isNew: true, current: false, newestTs: -Infinity, futureTs: undefined }
    return this.#remember({ id, device, metric, unit: unit ?? '', client, ...empty }, true)
  }

  /** Its reading is the last of its metric: from now on, readings of the metric that name no unit belong to it. */
  makeCurrent(series: Series): void {
    const metrics = this.#current.get(series.device)!
    const former = metrics.get(series.metric)
    if (former !== undefined) former.current = false
    metrics.set(series.metric, series)
    series.current = true
  }

  #newId(): number {
    if (this.#lastId + 1 < SERIES_ID_LIMIT) return ++this.#lastId
    while (this.#byId[this.#free] !== undefined) this.#free = (this.#free % (SERIES_ID_LIMIT - 1)) + 1
    return this.#free
  }

  /**
   * Removes series from memory whose rows the owner's transaction has removed: nothing in the store refers to them any
   * more.
   */
  remove(series: readonly Series[]): void {
    for (const one of series) {
      const { id, device, metric, unit, client } = one
      this.#byId[id] = undefined
      this.#byUnit.delete(key(device, metric, unit))
      if (device.lastSeries === one) device.lastSeries = undefined
      const metrics = this.#current.get(device)
      if (metrics?.get(metric) === one) {
        const [only, another] = this.#unitsOf.all(device.id, metric) as number[]
        // Which of several other units came last is not known: until one comes, a reading without a unit has none.
        if (only === undefined) metrics.delete(metric)
        else if (another === undefined) this.makeCurrent(this.#byId[only]!)
        else metrics.set(metric, undefined)
        if (metrics.size === 0) this.#current.delete(device)
      }
      this.#clients.remove(client)
      this.#deviceShares.remove(device.name)
      this.#removed.push(id)
    }
    if (series.length > 0) this.#removals++
  }

  /** The same for a device without series; its counters were added to those of `others` on the disk. */
  removeDevice(device: Device, others: Device): void {
    this.#devices.delete(device.name)
    this.#tallies.move(device, others)
    this.#removals++
  }

  get devices(): Device[] {
    return [...this.#devices.values()]
  }

  isEmpty(device: Device): boolean {
    return device.name !== OTHERS && !this.#current.has(device)
  }

  /** Writes what the values of a series say about its kind, if that changed. */
  setKind(series: Series, { type, isNew }: Pick<Series, 'type' | 'isNew'>): void {
    if (type === series.type && isNew === series.isNew) return
    this.#setKind.run(type ?? null, Number(isNew), series.id)
    Object.assign(series, { type, isNew })
  }

  /** Notes that a counter of the device changed; `flush` writes it in the same transaction. */
  touch(device: Device): void {
    this.#tallies.touch(device)
  }

  flush(): void {
    this.#tallies.flush()
  }

  #remember(series: Series, isNew: boolean): Series {
    this.#byId[series.id] = series
    this.#clients.add(series.client, isNew)
    this.#deviceShares.add(series.device.name, isNew)
    this.#byUnit.set(key(series.device, series.metric, series.unit), series)
    let metrics = this.#current.get(series.device)
    if (metrics === undefined) {
      metrics = new Map()
      this.#current.set(series.device, metrics)
    }
    if (!metrics.has(series.metric)) {
      metrics.set(series.metric, series)
      series.current = true
    }
    return series
  }
}

function key(device: Device, metric: string, unit: string): string {
  return `${device.id}\n${metric}\n${unit}`
}
