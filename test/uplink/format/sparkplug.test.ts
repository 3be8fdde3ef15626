import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import type { StoredReading, Value } from '../../../src/base/reading.ts'
import { reasonsText } from '../../../src/base/reading-text.ts'
import type { Format, FormattedMessage } from '../../../src/uplink/format/format.ts'
import { isFromFuture, MetricRegistry } from '../../../src/uplink/format/metric-registry.ts'
import { topicLevel } from '../../../src/uplink/format/topic.ts'
import { describePeer } from '../../../support/peers.ts'
import { aSize, batchOf, formatOf, NOW, readings, someBatch } from './batches.ts'
import { Host, type HostReading } from './host.ts'
import { encodePayload } from './protoc.ts'

const SPARKPLUG = { format: 'sparkplug', sparkplug: { group: 'works' } }
const LIVE = { historical: false, bytesMax: 131_072 }
const BACKLOG = { ...LIVE, historical: true }
const COMMAND = 'spBv1.0/works/NCMD/plant-7'
/** Each run starts protoc once. */
const RUNS = { numRuns: 40 }

/** A value as protoc prints it. */
function printed(value: Value): string | number | boolean | undefined {
  if (value === null) return undefined
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  return typeof value === 'string' ? Buffer.from(value).toString('latin1') : value
}

/** The reading that a host must have received. */
function known({ device, metric, ts, value, quality, reasons }: StoredReading, historical: boolean): HostReading {
  return {
    device: topicLevel(device),
    metric,
    ts: Math.max(0, ts),
    value: printed(value),
    quality: { 1: undefined, 2: undefined, 3: 500, 4: 0, 9: 0 }[quality],
    reasons: reasons === 0 ? undefined : reasonsText(reasons),
    historical,
  }
}

/** Sorted, because messages of different devices may come in any order. */
function sorted(all: readonly HostReading[]): string[] {
  return all
    .map((one) => JSON.stringify(Object.values(one).map((v) => (typeof v === 'number' ? numberKey(v) : v))))
    .sort()
}

const numberKey = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

type Step = (format: Format) => readonly FormattedMessage[]
const rebirth = encodePayload('metrics { name: "Node Control/Rebirth" boolean_value: true }')

/** Any sequence of events on a connection. */
const someSteps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ some: someBatch, historical: fc.boolean(), bytesMax: aSize }).map(
      ({ some, ...options }): Step =>
        (format) =>
          format.encode(some.batch, options),
    ),
    fc.constant<Step>((format) => format.hear(COMMAND, rebirth)),
    fc.uint8Array({ maxLength: 40 }).map(
      (noise): Step =>
        (format) =>
          format.hear(COMMAND, noise),
    ),
    fc.constant<Step>((format) => format.begin()),
  ),
  { maxLength: 6 },
)

const encoded = (format: Format, all: readonly StoredReading[], options = LIVE): readonly FormattedMessage[] =>
  format.encode(batchOf(all), options)

describePeer('protoc', 'the format sparkplug', () => {
  it('breaks no rule of a session, whatever is sent, requested and repeated, over connections', () => {
    const connections = fc.array(someSteps, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(connections, fc.boolean(), (all, aliases) => {
        const metricRegistry = new MetricRegistry()
        const heard = all.flatMap((steps, bdSeq) => {
          const format = formatOf(
            { format: 'sparkplug', sparkplug: { group: 'works', aliases } },
            { metricRegistry, bdSeq },
          )
          return [...format.begin(), ...steps.flatMap((step) => step(format)), ...format.end()]
        })
        expect(new Host(heard).problems).toEqual([])
      }),
      RUNS,
    )
  })

  it('carries every reading in exactly one data message, with its value bit for bit', () => {
    fc.assert(
      fc.property(someBatch, aSize, fc.boolean(), fc.boolean(), ({ all, batch }, bytesMax, historical, aliases) => {
        const format = formatOf({ format: 'sparkplug', sparkplug: { aliases } })
        const host = new Host([...format.begin(), ...format.encode(batch, { historical, bytesMax })])
        const past = (reading: StoredReading): boolean => historical || isFromFuture(reading)
        expect(sorted(host.readings)).toEqual(sorted(all.map((reading) => known(reading, past(reading)))))
      }),
      RUNS,
    )
  })

  it('makes no data message larger than allowed, except one with a single reading', () => {
    fc.assert(
      fc.property(someBatch, aSize, ({ batch }, bytesMax) => {
        const messages = formatOf(SPARKPLUG).encode(batch, { ...LIVE, bytesMax })
        const large = messages.filter(({ topic, payload }) => topic.includes('/DDATA/') && payload.length > bytesMax)
        const format = formatOf(SPARKPLUG)
        const births = messages.filter(({ topic }) => topic.includes('BIRTH'))
        for (const message of large) {
          expect(new Host([...format.begin(), ...births, message]).readings).toHaveLength(1)
        }
      }),
      RUNS,
    )
  })

  it('counts from 0 to 255 and continues with 0', () => {
    const format = formatOf(SPARKPLUG)
    const batches = Array.from({ length: 300 }, (_, i) => readings([i], { seq: i + 1, ts: i }))
    const host = new Host([...format.begin(), ...batches.flatMap((batch) => encoded(format, batch))])
    expect(host.problems).toEqual([])
    expect(host.kinds).toHaveLength(302)
  })

  it('never has a reading from the future as the current value, in data or in a birth, whatever the order', () => {
    const [good, later] = readings([20, 21])
    const future = {
      ...readings([-99])[0]!,
      seq: 3,
      ts: NOW + 86_400_000,
      quality: 4,
      reasons: Reason.TIME_FUTURE,
    } as const
    const unflagged = { ...future, seq: 4, ts: NOW + 400_000, reasons: 0 }
    for (const before of [
      [good!, future, unflagged],
      [future, unflagged, good!],
    ]) {
      for (const options of [LIVE, BACKLOG]) {
        const metricRegistry = new MetricRegistry()
        const format = formatOf(SPARKPLUG, { metricRegistry })
        format.begin()
        for (const reading of before) {
          const { readings } = new Host([...format.begin(), ...encoded(format, [reading], options)])
          expect(readings.map(({ historical }) => historical)).toEqual([reading === future || options === BACKLOG])
        }
        expect(metricRegistry.find('press-1', 'temperature')!.latest.value).toBe(20)
        encoded(format, [{ ...later!, seq: 5 }], options)
        expect(metricRegistry.find('press-1', 'temperature')!.latest.value).toBe(21)
      }
    }
    const metricRegistry = new MetricRegistry()
    encoded(formatOf(SPARKPLUG, { metricRegistry }), [good!, { ...future, seq: 2 }], BACKLOG)
    expect(metricRegistry.find('press-1', 'temperature')!.latest.value).toBe(20)
  })

  it('announces a device once, and again when a metric, a unit or a kind of value is new', () => {
    const format = formatOf(SPARKPLUG)
    const kinds = (all: readonly StoredReading[]): string => new Host(encoded(format, all)).kinds.join(' ')
    format.begin()
    expect(kinds(readings([1, 2]))).toBe('DBIRTH DDATA')
    expect(kinds(readings([3, null, 4]))).toBe('DDATA')
    expect(kinds(readings([5]))).toBe('DDATA')
    expect(kinds(readings([5], { metric: 'pressure' }))).toBe('DBIRTH DDATA')
    expect(kinds(readings([5], { unit: 'K' }))).toBe('DBIRTH DDATA')
    expect(kinds(readings(['hot'], { unit: 'K' }))).toBe('DBIRTH DDATA')
    expect(kinds(readings([null], { metric: 'later' }))).toBe('DBIRTH DDATA')
    expect(kinds(readings([null, true], { metric: 'later' }))).toBe('DBIRTH DDATA')
  })

  it('begins a connection with all metrics of earlier connections and their latest values', () => {
    const metricRegistry = new MetricRegistry()
    const first = formatOf(SPARKPLUG, { metricRegistry, bdSeq: 255 })
    encoded(first, [...readings([20, 21]), ...readings([5], { seq: 3, device: 'press-2', unit: undefined })])
    encoded(first, readings([1], { ts: 1 }), BACKLOG)
    const host = new Host(formatOf(SPARKPLUG, { metricRegistry, bdSeq: 0 }).begin())
    expect(host.kinds).toEqual(['NBIRTH', 'DBIRTH', 'DBIRTH'])
    expect(host.bdSeq).toBe(0)
    expect(host.devices.get('press-1')?.get('temperature')).toEqual({ datatype: 10, unit: 'Cel', value: 21 })
    expect(host.devices.get('press-2')?.get('temperature')).toEqual({ datatype: 10, unit: undefined, value: 5 })
  })

  it('announces a metric that is known only from a backlog with its latest value', () => {
    const host = new Host(encoded(formatOf(SPARKPLUG), readings([1, 2, 3]), BACKLOG))
    expect(host.devices.get('press-1')?.get('temperature')?.value).toBe(3)
    expect(host.readings.map(({ value, historical }) => [value, historical])).toEqual([1, 2, 3].map((v) => [v, true]))
  })

  it('dies with the bdSeq of its birth, by the will and at a normal end, without a sequence number of its own', () => {
    const format = formatOf(SPARKPLUG, { bdSeq: 17 })
    expect(format.will).toMatchObject({ topic: 'spBv1.0/works/NDEATH/plant-7', qos: 1, retain: false })
    for (const death of [format.will!, ...format.end()]) {
      const host = new Host([...formatOf(SPARKPLUG, { bdSeq: 17 }).begin(), death])
      expect({ problems: host.problems, online: host.online }).toEqual({ problems: [], online: false })
    }
    const other = formatOf(SPARKPLUG, { bdSeq: 18 }).begin()
    expect(new Host([...other, format.will!]).online).toBe(true)
  })

  it('is born again when a host requests it, and ignores every other command', () => {
    const format = formatOf(SPARKPLUG)
    encoded(format, readings([1]))
    const asked = (text: string): number => format.hear(COMMAND, encodePayload(text)).length
    expect(format.filters).toEqual([COMMAND])
    expect(asked('metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: true }')).toBe(2)
    expect(asked('metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: false }')).toBe(0)
    expect(asked('metrics { name: "Node Control/Reboot" datatype: 11 boolean_value: true }')).toBe(0)
    expect(format.hear('spBv1.0/works/NCMD/other', rebirth)).toEqual([])
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => format.hear(COMMAND, noise).length === 0))
  })
})
