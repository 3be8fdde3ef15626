import type { Database, Statement } from 'better-sqlite3'
import type { ValueType } from '../base/reading.ts'
import { type Counts, readTallies, Tallies } from './tallies.ts'

/** A device and its ledger counters. `received` = `stored` + `rejected` + `duplicate`, always. */
export interface Device {
  readonly id: number
  readonly name: string
  received: number
  stored: number
  rejected: number
  duplicate: number
}

/** One series: what a device measures under one name in one unit. */
export interface Series {
  readonly id: number
  readonly device: Device
  readonly metric: string
  /** '' where no unit was ever named. */
  readonly unit: string
  type: ValueType | undefined
  /** The newest time (UTC ms) among its readings, as far as this process knows: Infinity until it knows. */
  newestTs: number
}

interface SeriesRow {
  id: number
  device: number
  metric: string
  unit: string
  type: ValueType | null
}

/**
 * Devices and series by name, in memory, and their rows. Only the store's transaction changes it; after a failed
 * transaction it is thrown away and read again, since the disk is the truth.
 */
export class Catalog {
  readonly #devices = new Map<string, Device>()
  /** The newest series of a (device, metric): a reading that names no unit belongs to it, also after a restart. */
  readonly #current = new Map<Device, Map<string, Series>>()
  readonly #byUnit = new Map<string, Series>()
  readonly #byId: Series[] = []
  readonly #insertDevice: Statement<[string]>
  readonly #insertSeries: Statement<[number, string, string, ValueType | null]>
  readonly #setType: Statement<[ValueType, number]>
  readonly #tallies: Tallies
  readonly #touched = new Set<Device>()
  /** What is counted on the disk, by device. */
  readonly #written: Counts[] = []
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
      this.#remember({ ...row, device: devices.get(row.device)!, type: row.type ?? undefined, newestTs: Infinity })
    }
  }

  get deviceCount(): number {
    return this.#devices.size
  }

  get seriesCount(): number {
    return this.#byUnit.size
  }

  /** How many series can still be made. */
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

  /** The device if it is known, else the one that stands for all that came after the catalog was full. */
  deviceOrOverflow(name: string): Device {
    return this.#devices.get(name) ?? this.device(this.#devices.size < this.#seriesMax ? name : '*')
  }

  /** Whether `find` would not have to make a series. */
  knows(deviceName: string, metric: string, unit: string | undefined): boolean {
    const device = this.#devices.get(deviceName)
    if (device === undefined) return false
    const current = this.#current.get(device)?.get(metric)
    return (current !== undefined && unit === undefined) || this.#byUnit.has(key(device, metric, unit ?? ''))
  }

  /** The series of a reading; made where it is new. Ask `room` and `knows` before. */
  find(device: Device, metric: string, unit: string | undefined): Series {
    const current = this.#current.get(device)?.get(metric)
    if (current !== undefined && (unit === undefined || unit === current.unit)) return current
    const known = this.#byUnit.get(key(device, metric, unit ?? ''))
    if (known !== undefined) return known
    const id = Number(this.#insertSeries.run(device.id, metric, unit ?? '', null).lastInsertRowid)
    return this.#remember({ id, device, metric, unit: unit ?? '', type: undefined, newestTs: -Infinity })
  }

  setType(series: Series, type: ValueType): void {
    this.#setType.run(type, series.id)
    series.type = type
  }

  /** Says that a counter of the device changed; `flush` writes it in the same transaction. */
  touch(device: Device): void {
    this.#touched.add(device)
  }

  flush(): void {
    if (this.#touched.size === 0) return
    const counts = new Map<number, Counts>()
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
    metrics.set(series.metric, series)
    return series
  }
}

function countsOf({ received, stored, rejected, duplicate }: Counts): Counts {
  return { received, stored, rejected, duplicate }
}

/** All devices with their counters as they are, wherever those are written. */
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
