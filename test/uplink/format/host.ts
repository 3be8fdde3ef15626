import { decodePayloads, type Field, type Fields } from './protoc.ts'

/** A message as it came from the broker. */
export interface Heard {
  readonly topic: string
  readonly payload: Uint8Array
}

export interface HostReading {
  readonly device: string
  readonly metric: string
  readonly ts: number
  /** Undefined: null. Texts and bytes are strings of bytes. */
  readonly value: Field | undefined
  /** Undefined when the message has none, which means good. */
  readonly quality: Field | undefined
  readonly reasons: Field | undefined
  readonly historical: boolean
}

interface HostMetric {
  readonly datatype: Field
  readonly unit: Field | undefined
  readonly value: Field | undefined
}

const VALUES = ['int_value', 'long_value', 'double_value', 'boolean_value', 'string_value', 'bytes_value']
/** Datatypes that readings may have. */
const TYPES: Readonly<Record<string, number>> = {
  double_value: 10,
  boolean_value: 11,
  string_value: 12,
  bytes_value: 17,
}
const utf8 = (bytes: Field | undefined): string => Buffer.from(String(bytes), 'latin1').toString()

/**
 * A host as the specification describes it (Sparkplug 3.0.0, chapters 4 to 6): it accepts only values whose metric
 * was announced in a birth, and records every violation.
 */
export class Host {
  readonly problems: string[] = []
  readonly readings: HostReading[] = []
  /** The metrics of the DBIRTHs, by device and metric. */
  readonly devices = new Map<string, Map<string, HostMetric>>()
  /** Kinds of message in the order of their arrival. */
  readonly kinds: string[] = []
  online = false
  bdSeq: Field | undefined
  readonly #aliases = new Map<Field, string>()
  #next: number | undefined

  constructor(heard: readonly Heard[]) {
    const payloads = decodePayloads(heard.map(({ payload }) => payload))
    for (const [i, { topic }] of heard.entries()) this.#hear(topic, payloads[i] ?? {})
  }

  #hear(topic: string, payload: Fields): void {
    const [namespace, , kind, , device] = topic.split('/')
    if (namespace !== 'spBv1.0') return this.#problem(`${topic} is not of Sparkplug`)
    if (kind === 'NCMD') return
    this.kinds.push(kind!)
    if (payload.timestamp === undefined) this.#problem(`${topic} has no timestamp`)
    if (kind === 'NDEATH') return this.#die(payload)
    this.#count(kind!, payload)
    if (kind === 'NBIRTH') this.#born(payload)
    else if (kind === 'DBIRTH') this.#deviceBorn(device!, metricsOf(payload))
    else if (kind === 'DDATA') this.#data(device!, metricsOf(payload))
    else this.#problem(`unexpected ${kind}`)
  }

  #problem(problem: string): void {
    this.problems.push(problem)
  }

  /** §6.4.5: consecutive after NBIRTH, which has 0 (§4.2.1.1). */
  #count(kind: string, payload: Fields): void {
    const seq = payload.seq?.[0]
    const expected = kind === 'NBIRTH' ? 0 : this.#next
    if (seq !== expected) this.#problem(`${kind} has the number ${seq} instead of ${expected}`)
    this.#next = (Number(seq) + 1) % 256
  }

  #born(payload: Fields): void {
    const metrics = metricsOf(payload)
    const bdSeq = metrics.find(({ name }) => name?.[0] === 'bdSeq')
    const rebirth = metrics.find(({ name }) => name?.[0] === 'Node Control/Rebirth')
    if (bdSeq?.datatype?.[0] !== 4) this.#problem('NBIRTH has no bdSeq of the type Int64')
    if (rebirth?.datatype?.[0] !== 11 || carried(rebirth) !== false)
      this.#problem('NBIRTH has no rebirth that is false')
    if (rebirth?.alias !== undefined) this.#problem('rebirth has an alias')
    this.bdSeq = carried(bdSeq ?? {})
    this.online = true
    this.devices.clear()
    this.#aliases.clear()
  }

  #die(payload: Fields): void {
    const metrics = metricsOf(payload)
    if (payload.seq !== undefined) this.#problem('NDEATH has a number')
    if (metrics.length !== 1 || metrics[0]!.name?.[0] !== 'bdSeq') this.#problem('NDEATH has more than bdSeq')
    if (carried(metrics[0] ?? {}) === this.bdSeq) this.online = false
  }

  #deviceBorn(device: string, metrics: readonly Fields[]): void {
    if (!this.online) this.#problem(`DBIRTH of ${device} before NBIRTH`)
    this.#inOrder('DBIRTH', metrics)
    const known = new Map<string, HostMetric>()
    for (const metric of metrics) {
      const name = utf8(metric.name?.[0])
      if (known.has(name)) this.#problem(`DBIRTH has ${name} twice`)
      if (metric.timestamp === undefined || metric.datatype === undefined) this.#problem(`${name} lacks time or type`)
      const value = this.#value(metric)
      known.set(name, { datatype: metric.datatype![0]!, unit: properties(metric).get('engUnit'), value })
      const alias = metric.alias?.[0]
      if (alias === undefined) continue
      if ((this.#aliases.get(alias) ?? `${device}/${name}`) !== `${device}/${name}`) this.#problem(`two ${alias}`)
      this.#aliases.set(alias, `${device}/${name}`)
    }
    this.devices.set(device, known)
  }

  #data(device: string, metrics: readonly Fields[]): void {
    const born = this.devices.get(device)
    this.#inOrder('DDATA', metrics)
    const seen = new Set<string>()
    for (const metric of metrics) {
      const [name, alias] = [metric.name?.[0], metric.alias?.[0]]
      if ((name === undefined) === (alias === undefined)) this.#problem('DDATA has both name and alias, or none')
      const full = alias === undefined ? `${device}/${utf8(name)}` : this.#aliases.get(alias)
      const plain = full?.slice(device.length + 1) ?? ''
      const known = born?.get(plain)
      if (known === undefined) this.#problem(`DDATA has ${full}, which was not born`)
      const field = VALUES.find((one) => metric[one] !== undefined)
      if (field !== undefined && TYPES[field] !== known?.datatype) this.#problem(`${full} has ${field}, not as born`)
      if (metric.datatype !== undefined) this.#problem(`DDATA tells the datatype of ${full}`)
      const ts = Number(metric.timestamp?.[0])
      if (seen.has(`${ts} ${full}`)) this.#problem(`DDATA has ${full} twice for one time`)
      seen.add(`${ts} ${full}`)
      const said = properties(metric)
      const [quality, reasons] = [said.get('Quality'), said.get('Reasons')]
      const historical = metric.is_historical?.[0] === true
      this.readings.push({ device, metric: plain, ts, value: this.#value(metric), quality, reasons, historical })
    }
  }

  /** §5.16: current values are in the order of their times. */
  #inOrder(kind: string, metrics: readonly Fields[]): void {
    const times = metrics.filter((one) => one.is_historical?.[0] !== true).map((one) => Number(one.timestamp?.[0]))
    if (times.some((ts, i) => ts < times[i - 1]!)) this.#problem(`${kind} is not in the order of time`)
  }

  #value(metric: Fields): Field | undefined {
    const value = carried(metric)
    const isNull = metric.is_null?.[0] === true
    if (isNull === (value !== undefined)) this.#problem('a metric has both null and a value, or none')
    return value
  }
}

function metricsOf(payload: Fields): readonly Fields[] {
  return (payload.metrics ?? []) as readonly Fields[]
}

function carried(fields: Fields): Field | undefined {
  return VALUES.flatMap((name) => fields[name] ?? [])[0]
}

function properties(metric: Fields): Map<string, Field | undefined> {
  const { keys = [], values = [] } = (metric.properties?.[0] ?? {}) as Fields
  return new Map(keys.map((key, i) => [utf8(key), carried((values[i] ?? {}) as Fields)]))
}
