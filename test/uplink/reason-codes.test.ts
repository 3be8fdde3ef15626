import { describe, expect, it } from 'vitest'
import type { Link } from '../../src/link/link.ts'
import { BatchPublisher } from '../../src/uplink/batch-publisher.ts'
import { meaningOf, worstOf } from '../../src/uplink/reason-codes.ts'
import { cloudTopics } from '../../src/uplink/topics.ts'
import { formatOf } from './format/batches.ts'

const codes = Array.from({ length: 256 }, (_, code) => code)
const REFUSED = [0x87, 0x90, 0x95, 0x99]

describe('a reason code of the cloud broker', () => {
  it('is a success below 0x80, except "no matching subscribers" where nothing is retained', () => {
    for (const code of codes.filter((one) => one < 0x80)) {
      expect(meaningOf(code, { keepsLatest: true })).toBe('taken')
      expect(meaningOf(code, { keepsLatest: false })).toBe(code === 0x10 ? 'unheard' : 'taken')
    }
  })

  it('refuses the message for good only where sending it again cannot help; any other error is tried again', () => {
    for (const keepsLatest of [true, false]) {
      for (const code of codes.filter((one) => one >= 0x80)) {
        expect(meaningOf(code, { keepsLatest })).toBe(REFUSED.includes(code) ? 'refused' : 'trouble')
      }
    }
  })

  it('of several messages is the highest one, with its topic', () => {
    const worst = (...reasonCodes: number[]): unknown =>
      worstOf(reasonCodes.map((reasonCode, i) => ({ reasonCode, topic: `topic/${i}` })))
    expect(worst()).toEqual({ reasonCode: 0, topic: '' })
    expect(worst(0, 0x10, 0)).toEqual({ reasonCode: 0x10, topic: 'topic/1' })
    expect(worst(0x87, 0x97, 0x10)).toEqual({ reasonCode: 0x97, topic: 'topic/1' })
  })
})

describe('the messages that open a connection', () => {
  const begin = (reasonCode: number): Promise<void> => {
    const link = { packetBytesMax: 1_000_000, publish: () => Promise.resolve({ reasonCode }) } as unknown as Link
    const format = formatOf({ format: 'sparkplug' })
    return new BatchPublisher(link, cloudTopics('tidegate', 'plant-7'), { format, bytesMax: 1_000 }).begin(format)
  }

  it('end it if the broker refuses one, and not because no host has subscribed yet', async () => {
    await begin(0x10)
    await expect(begin(0x87)).rejects.toThrow('0x87')
    await expect(begin(0x97)).rejects.toThrow('0x97')
  })
})
