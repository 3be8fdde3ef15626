import { describe, expect, it } from 'vitest'
import { uplink } from '../../../src/settings/schema/uplink.ts'

/** The problems as `path: message`. */
function problemsOf(written: object): string[] {
  const { error } = uplink.safeParse({ url: 'mqtt://127.0.0.1:1883', confirm: 'puback', ...written })
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}

describe('the settings of uplink formats', () => {
  it('require the acknowledgement of the broker for formats that no receiver answers', () => {
    for (const format of ['json', 'message', 'sparkplug']) {
      expect(problemsOf({ format, confirm: 'receipt' })).toEqual([
        'confirm: must be `puback` unless `format` is cbor: only Tidegate receivers answer with receipts',
      ])
      expect(problemsOf({ format })).toEqual([])
    }
    expect(problemsOf({ format: 'cbor', confirm: 'receipt' })).toEqual([])
  })

  it('refuse an invalid topic, and a topic on which series would be mixed up', () => {
    const topic = (written: string, more: object = {}): string[] =>
      problemsOf({ format: 'message', message: { topic: written, ...more } })
    expect(topic('a/+/{device}/{metric}')).toEqual(['message.topic: it contains a wildcard'])
    expect(topic('{edge}/{devise}')[0]).toContain('unknown placeholder "{devise}"')
    expect(topic('{edge}/{device')[0]).toContain('unknown placeholder "{device"')
    expect(topic('{edge}/{device}-{metric}')[0]).toContain('must be a whole level')
    expect(topic('{edge}/all')).toEqual([])
    expect(topic('{edge}/{device}', { payload: 'value' })[0]).toContain('must have {device} and {metric}')
    expect(topic('{edge}/{device}', { retain: true })[0]).toContain('must have {device} and {metric}')
    expect(topic('$aws/rules/plant/{device}/{metric}', { retain: true })).toEqual([])
    expect(problemsOf({ format: 'json', json: { topic: '{device}' } })[0]).toContain('unknown placeholder')
  })

  it('refuse a group name that Sparkplug forbids', () => {
    for (const group of ['', 'a/b', 'a+', '#', 'a\0', 'STATE']) {
      expect(problemsOf({ format: 'sparkplug', sparkplug: { group } })[0]).toMatch(/^sparkplug.group: must/)
    }
    expect(problemsOf({ format: 'sparkplug', sparkplug: { group: 'Werk Süd 1' } })).toEqual([])
  })
})
