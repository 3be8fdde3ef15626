import type { Database, Statement } from 'better-sqlite3'
import { Reason } from '../base/flags.ts'
import type { ValueType, Verdict } from '../base/reading.ts'
import { readTallies, Tallies, type TallyCounts } from './tallies.ts'

/** A device and its ledger counters. `received` = `stored` + `rejected` + `duplicate`, always. */
export interface Device {
  readonly id: number
  readonly name: string
  received: number
  stored: number
  rejected: number
  duplicate: number
}

/** One series: the readings of a device with one metric name and one unit. */
export interface Series {
  readonly id: number
  readonly device: Device
  readonly metric: string
  /** '' if the device never named a unit. */
  readonly unit: string
  type: ValueType | undefined
  /** Whether a reading of its metric that names no unit belongs to it. */
  current: boolean
  /** Newest time (UTC ms) of its readings, without those from the future; Infinity until this process knows it. */
  newestTs: number
  /** Earliest time (UTC ms) of its readings that were from the future when they arrived; Infinity: there is none. */
  futureTs: number
}

/** Whether a reading with this time may be stored already: it is not newer than all others of its series. */
export function mayBeStored({ newestTs, futureTs }: Series, ts: number): boolean {
  return ts <= newestTs || ts >= futureTs
}

/** A newest time that is further ahead (ms) of a reading's arrival comes from a wrong clock. */
const AHEAD_MS_MAX = 3_600_000

/**
 * Notes the time and the arrival of a stored reading. A reading from the future must not make every later one appear old.
 */
export function noteTime(
  series: Series,
  ts: number,
  { reasons }: Pick<Verdict, 'reasons'>,
  { arrival }: { readonly arrival: number },
): void {
  if ((reasons & Reason.TIME_FUTURE) !== 0) {
    if (ts < series.futureTs) series.futureTs = ts
  } else if (ts > series.newestTs || series.newestTs > arrival + AHEAD_MS_MAX) {
    series.newestTs = ts
    if (ts >= series.futureTs) series.futureTs = Infinity // its time has come
  }
}

interface SeriesRow {
  id: number
  device: number
  metric: string
  unit: string
  type: ValueType | null
}

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
  readonly #byId: Series[] = []
  readonly #insertDevice: Statement<[string]>
  readonly #insertSeries: Statement<[number, string, string, ValueType | null]>
  readonly #setType: Statement<[ValueType, number]>
  readonly #tallies: Tallies
  readonly #touched = new Set<Device>()
  /** The counters that are written on the disk, by device. */
  readonly #written: TallyCounts[] = []
  readonly #seriesMax: number

  constructor(database: Database, seriesMax: number) {
    this.#seriesMax = seriesMax
    this.#insertDevice = database.prepare('INSERT INTO devices (name) VALUES (?)')
    this.#insertSeries = database.prepare('INSERT INTO series (device, metric, unit, type) VALUES (?, ?, ?, ?)')
    this.#setType = database.prepare('UPDATE series SET type = ? WHERE id = ?')
    this.#tallies = new Tallies(database)
    const devices = new Map<number, Device>()
    for (const device of readDevices(database)) {
      devices.set(device.id, device)
      this.#devices.set(device.name, device)
      this.#written[device.id] = countsOf(device)
    }
    for (const row of database.prepare('SELECT * FROM series ORDER BY id').all() as SeriesRow[]) {
      const [device, type] = [devices.get(row.device)!, row.type ?? undefined]
      const former = this.#current.get(device)?.get(row.metric)
      this.#remember({ ...row, device, type, current: false, newestTs: Infinity, futureTs: Infinity })
      if (former === undefined) continue
      former.current = false
      this.#current.get(device)!.set(row.metric, undefined)
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

  series(id: number): Series | undefined {
    return this.#byId[id]
  }

  device(name: string): Device {
    let device = this.#devices.get(name)
    if (device === undefined) {
      const id = Number(this.#insertDevice.run(name).lastInsertRowid)
      device = { id, name, received: 0, stored: 0, rejected: 0, duplicate: 0 }
      this.#devices.set(name, device)
      this.#written[id] = countsOf(device)
    }
    return device
  }

  /**
   * The device if it is known or there is room for it; otherwise the device `*`, which counts for all devices that came
   * after the catalog was full.
   */
  deviceOrOverflow(name: string): Device {
    return this.#devices.get(name) ?? this.device(this.#devices.size < this.#seriesMax ? name : '*')
  }

  /** Whether `find` returns an existing series. */
  knows(deviceName: string, metric: string, unit: string | undefined): boolean {
    const device = this.#devices.get(deviceName)
    if (device === undefined) return false
    const current = this.#current.get(device)?.get(metric)
    return (current !== undefined && unit === undefined) || this.#byUnit.has(key(device, metric, unit ?? ''))
  }

  /** The series of a reading; created if it is new. Check `room` and `knows` first. */
  find(device: Device, metric: string, unit: string | undefined): Series {
    const current = this.#current.get(device)?.get(metric)
    if (current !== undefined && (unit === undefined || unit === current.unit)) return current
    const known = this.#byUnit.get(key(device, metric, unit ?? ''))
    if (known !== undefined) return known
    const id = Number(this.#insertSeries.run(device.id, metric, unit ?? '', null).lastInsertRowid)
    const empty = { type: undefined, current: false, newestTs: -Infinity, futureTs: Infinity }
    return this.#remember({ id, device, metric, unit: unit ?? '', ...empty })
  }

  /** Its reading is the last of its metric: from now on, readings of the metric that name no unit belong to it. */
  makeCurrent(series: Series): void {
    const metrics = this.#current.get(series.device)!
    const former = metrics.get(series.metric)
    if (former !== undefined) former.current = false
    metrics.set(series.metric, series)
    series.current = true
  }

  setType(series: Series, type: ValueType): void {
    this.#setType.run(type, series.id)
    series.type = type
  }

  /** Notes that a counter of the device changed; `flush` writes it in the same transaction. */
  touch(device: Device): void {
    this.#touched.add(device)
  }

  flush(): void {
    if (this.#touched.size === 0) return
    const counts = new Map<number, TallyCounts>()
    for (const device of this.#touched) {
      const written = this.#written[device.id]!
      counts.set(device.id, {
        received: device.received - written.received,
        stored: device.stored - written.stored,
        rejected: device.rejected - written.rejected,
        duplicate: device.duplicate - written.duplicate,
      })
      this.#written[device.id] = countsOf(device)
    }
    this.#tallies.add(counts)
    this.#touched.clear()
  }

  #remember(series: Series): Series {
    this.#byId[series.id] = series
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

function countsOf({ received, stored, rejected, duplicate }: TallyCounts): TallyCounts {
  return { received, stored, rejected, duplicate }
}

/** All devices with their current counters, including those that are still in `tallies`. */
export function readDevices(database: Database): Device[] {
  const tallies = readTallies(database)
  const devices = database.prepare('SELECT id, name, received, stored, rejected, duplicate FROM devices').all()
  for (const device of devices as Device[]) {
    const more = tallies.get(device.id)
    if (more === undefined) continue
    device.received += more.received
    device.stored += more.stored
    device.rejected += more.rejected
    device.duplicate += more.duplicate
  }
  return devices as Device[]
}

function key(device: Device, metric: string, unit: string): string {
  return `${device.id}\n${metric}\n${unit}`
}
