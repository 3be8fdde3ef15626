import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import type { StoredReading } from '../../../src/base/reading.ts'
import type { Format, FormattedMessage } from '../../../src/uplink/format/format.ts'
import { MetricRegistry } from '../../../src/uplink/format/metric-registry.ts'
import { topicLevel } from '../../../src/uplink/format/topic.ts'
import { batchOf, formatOf, NOW, readings, someBatch } from './batches.ts'

const LIVE = { historical: false, bytesMax: 1_000 }
const BACKLOG = { historical: true, bytesMax: 1_000 }
const RETAINED = { format: 'message', message: { retain: true, payload: 'value' } }

const textOf = ({ payload }: FormattedMessage): string => Buffer.from(payload).toString()

/** The payload that a broker retains under each topic afterwards. */
function retainedOf(messages: readonly FormattedMessage[]): Map<string, string> {
  const kept = new Map<string, string>()
  for (const message of messages) if (message.retain) kept.set(message.topic, textOf(message))
  return kept
}

function sent(format: Format, all: readonly StoredReading[], options = LIVE): readonly FormattedMessage[] {
  return format.encode(batchOf(all), options)
}

describe('the format message', () => {
  it('makes one message of each reading, in the order of the edge, on the topic of its series', () => {
    fc.assert(
      fc.property(someBatch, ({ all, batch }) => {
        const messages = formatOf({ format: 'message' }).encode(batch, LIVE)
        expect(messages.map(({ topic }) => topic)).toEqual(
          all.map(({ device, metric }) => `plant-7/${topicLevel(device)}/${topicLevel(metric)}`),
        )
        expect(messages.map((message) => JSON.parse(textOf(message)).seq)).toEqual(all.map(({ seq }) => seq))
      }),
    )
  })

  it('has the object of the format json as its payload', () => {
    fc.assert(
      fc.property(someBatch, ({ batch }) => {
        const [array] = formatOf({ format: 'json' }).encode(batch, { ...LIVE, bytesMax: 1_000_000 })
        const messages = formatOf({ format: 'message' }).encode(batch, LIVE)
        expect(`[${messages.map(textOf).join(',')}]`).toBe(textOf(array!))
      }),
    )
  })

  it('writes a bare value as plain text', () => {
    const values = [21.5, -0, 1e300, Infinity, true, false, 'auf', new Uint8Array([0x68, 0x69]), null]
    const messages = sent(formatOf({ format: 'message', message: { payload: 'value' } }), readings(values))
    expect(messages.map(textOf)).toEqual(['21.5', '-0', '1e+300', 'Infinity', 'true', 'false', 'auf', 'hi', ''])
  })

  it('retains nothing unless the settings ask for it', () => {
    expect(sent(formatOf({ format: 'message' }), readings([1, 2])).some(({ retain }) => retain)).toBe(false)
    expect([...retainedOf(sent(formatOf(RETAINED), readings([1, 2]))).values()]).toEqual(['2'])
  })

  it('never retains the backlog', () => {
    const format = formatOf(RETAINED)
    const messages = [...sent(format, readings([7], { ts: 9_000 })), ...sent(format, readings([1, 2]), BACKLOG)]
    expect([...retainedOf(messages).values()]).toEqual(['7'])
  })

  it('never retains a reading from the future, and retains the next one after it', () => {
    const metricRegistry = new MetricRegistry()
    const future = { ts: NOW + 86_400_000 }
    const kept = (value: number, more: Partial<StoredReading>): boolean[] =>
      sent(formatOf(RETAINED, { metricRegistry }), readings([value], more)).map(({ retain }) => retain)
    expect(kept(-99, { ...future, quality: 4, reasons: Reason.TIME_FUTURE })).toEqual([false])
    expect(kept(21, { seq: 2 })).toEqual([true])
    expect(kept(-99, { ...future, seq: 3, quality: 4, reasons: Reason.TIME_FUTURE })).toEqual([false])
    expect(kept(-98, { ...future, seq: 4 })).toEqual([false])
    expect(kept(22, { seq: 5, ts: NOW })).toEqual([true])
  })

  it('retains the values of a device whose clock is ahead by no more than its rule allows', () => {
    const format = formatOf(RETAINED)
    const messages = sent(format, readings([1, 2], { ts: NOW + 3_600_000 }))
    expect(messages.map(({ retain }) => retain)).toEqual([true, true])
  })

  it('replaces what it retained while the clock of the edge was ahead', () => {
    const metricRegistry = new MetricRegistry()
    const ahead = formatOf(RETAINED, { metricRegistry, clock: { now: () => NOW + 86_400_000 } })
    expect(sent(ahead, readings([1], { ts: NOW + 86_400_000 })).map(({ retain }) => retain)).toEqual([true])
    const right = sent(formatOf(RETAINED, { metricRegistry }), readings([2], { seq: 2, ts: NOW }))
    expect(right.map(({ retain }) => retain)).toEqual([true])
  })

  it('leaves the value with the latest time retained, whatever the order of live readings, over connections', () => {
    const times = fc.array(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(times, (connections) => {
        const metricRegistry = new MetricRegistry()
        const messages = connections.flatMap((all) =>
          sent(
            formatOf(RETAINED, { metricRegistry }),
            all.map((ts, i) => ({ ...readings([ts])[0]!, seq: i + 1, ts })),
          ),
        )
        expect([...retainedOf(messages).values()]).toEqual([String(Math.max(...connections.flat()))])
      }),
    )
  })
})
