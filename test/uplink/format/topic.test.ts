import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { topicProblem } from '../../../src/base/topics.ts'
import { fillTopic, levelCount, topicLevel } from '../../../src/uplink/format/topic.ts'

/** Names as devices have them, and names that try to act as something else. */
const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.string({
    unit: fc.constantFrom('%', '/', '+', '#', '$', '2', 'F', 'B', 'u', '\0', '\u007f', 'é', '\ud800'),
    maxLength: 6,
  }),
)
const NAMES = { prefix: 'tide/gate', edge: 'plant-7' }

/** The name that a level stands for, by the documentation. */
function nameOf(level: string): string {
  if (level === '%') return ''
  const parts = level.split(/%u([0-9A-F]{4})/)
  return parts.map((part, i) => (i % 2 === 0 ? decodeURIComponent(part) : surrogate(part))).join('')
}

function surrogate(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 16))
}

describe('a name in a topic', () => {
  it('is one legal level that never begins a topic of the broker, whatever the name', () => {
    fc.assert(
      fc.property(name, (text) => {
        const level = topicLevel(text)
        expect(topicProblem(level)).toBeUndefined()
        expect(level).not.toMatch(/\/|^\$/)
      }),
    )
  })

  it('is different for different names', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(topicLevel(a) === topicLevel(b)).toBe(a === b)
      }),
      { numRuns: 1_000 },
    )
  })

  it('can be read back as the documentation describes', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(nameOf(topicLevel(text))).toBe(text)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is unchanged when it is plain, whatever the script', () => {
    for (const text of ['press-1', 'Öl.Temp_2', '温度', '50€', '🌡']) expect(topicLevel(text)).toBe(text)
    expect(topicLevel('a/b+c#d%e')).toBe('a%2Fb%2Bc%23d%25e')
    expect(topicLevel('$SYS')).toBe('%24SYS')
    expect(topicLevel('\0\ud800')).toBe('%00%uD800')
  })
})

describe('a topic of a template', () => {
  const template = '{prefix}/{edge}/d/{device}/{metric}'

  it('is different for different series', () => {
    fc.assert(
      fc.property(name, name, name, name, (device, metric, otherDevice, otherMetric) => {
        const one = fillTopic(template, { ...NAMES, device, metric })
        const other = fillTopic(template, { ...NAMES, device: otherDevice, metric: otherMetric })
        expect(one === other).toBe(device === otherDevice && metric === otherMetric)
      }),
    )
  })

  it('has as many levels as its template with the prefix filled in', () => {
    fc.assert(
      fc.property(name, name, (device, metric) => {
        expect(levelCount(fillTopic(template, { ...NAMES, device, metric }))).toBe(6)
      }),
    )
  })

  it('treats a name that is spelled like a placeholder as a name', () => {
    expect(fillTopic(template, { ...NAMES, device: '{metric}', metric: '{edge}' })).toBe(
      'tide/gate/plant-7/d/{metric}/{edge}',
    )
  })
})
