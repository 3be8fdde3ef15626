import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { topicPattern } from '../../../src/base/text/topic-pattern.ts'
import { filterMatches, filterProblem, topicProblem } from '../../../src/base/topics.ts'

describe('the pattern of a topic', () => {
  it.each([
    ['plant/pump17/4711/temp', 'plant/+/+/temp'],
    ['plant/pump-3/temp', 'plant/+/temp'],
    ['zigbee2mqtt/0x00158d0001a2b3c4', 'zigbee2mqtt/+'],
    ['shellies/shelly1-E868E7/relay/0', 'shellies/+/relay/+'],
    ['v1/devices/me/co2', 'v1/devices/me/co2'],
    ['a/550e8400-e29b-41d4-a716-446655440000/b', 'a/+/b'],
    ['a/-12.5', 'a/+'],
    ['a/decade/face', 'a/decade/face'],
    ['/a//b', '/a//b'],
  ])('of %s is %s', (topic, pattern) => {
    expect(topicPattern(topic)).toBe(pattern)
  })

  it('is a topic filter that covers the topic', () => {
    const level = fc.oneof(fc.stringMatching(/^[a-z\d_.-]{0,12}$/), fc.string(), fc.integer().map(String))
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 8 }), (levels) => {
        const topic = levels.join('/')
        fc.pre(topicProblem(topic) === undefined && !topic.startsWith('$'))
        const pattern = topicPattern(topic)
        expect(filterProblem(pattern)).toBeUndefined()
        expect(filterMatches(pattern, topic)).toBe(true)
      }),
    )
  })
})
