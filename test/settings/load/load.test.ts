import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Exit, OperatorError } from '../../../src/base/errors.ts'
import { loadEdgeSettings, loadReceiverSettings } from '../../../src/settings/load/load.ts'
import { tempFolder } from '../../../support/folder.ts'
import { ROOT } from '../../../support/process.ts'

/** A settings file with this text, in a folder of its own. */
function write(text: string): string {
  const file = join(tempFolder(), 'edge.yaml')
  writeFileSync(file, text)
  return file
}

/** The problems of these settings, one per line, without the name of the file. */
function problems(
  text: string,
  env: Record<string, string> = {},
  load: typeof loadEdgeSettings | typeof loadReceiverSettings = loadEdgeSettings,
): string[] {
  const file = write(text)
  try {
    load(file, env)
  } catch (refusal) {
    if (!(refusal instanceof OperatorError)) throw refusal
    expect(refusal.exitCode).toBe(Exit.SETTINGS)
    const lines = refusal.message.replaceAll(`${file}:`, '').split('\n').slice(1)
    return lines.map((line) => line.trim())
  }
  return []
}

describe('a valid settings file', () => {
  it('needs only the name of the edge', () => {
    const settings = loadEdgeSettings(write('edge: plant-7'), {})
    expect(settings.broker.tcp).toEqual({ host: '0.0.0.0', port: 1883 })
    expect(settings.routes.map(({ topic }) => topic)).toEqual(['telemetry/{device}/{metric}', 'telemetry/{device}'])
    expect(settings.uplinks).toEqual([])
  })

  it('gives its data folder relative to its own folder', () => {
    const file = write('edge: a\ndata: ./stored')
    expect(loadEdgeSettings(file, {}).data).toBe(join(file, '../stored'))
    expect(loadEdgeSettings(file, { TIDEGATE_DATA: '/srv/tidegate' }).data).toBe('/srv/tidegate')
  })

  it('may use anchors and aliases', () => {
    const text =
      'edge: a\nquality:\n  - { match: "a/*", range: &hall { fail: [-40, 125] } }\n  - { match: "b/*", range: *hall }'
    expect(loadEdgeSettings(write(text), {}).quality.map(({ range }) => range?.fail)).toEqual([
      [-40, 125],
      [-40, 125],
    ])
  })

  it('is in examples/ for an edge and for a receiver', () => {
    expect(loadEdgeSettings(join(ROOT, 'examples/edge.yaml'), {}).edge).toBe('plant-7')
    expect(loadReceiverSettings(join(ROOT, 'examples/receiver.yaml'), {}).cloud.url).toBe('mqtt://127.0.0.1:1884')
  })
})

describe('an invalid settings file', () => {
  it('is refused with all problems at once, each with its line, in the order of the lines', () => {
    const text = [
      'edge: plant 7',
      'broker:',
      '  tcp: { host: 0.0.0.0, prt: 1883 }',
      '  connectionsMax: many',
      'routes:',
      '  - topic: telemetry/{device}/{unit}',
      '    format: jsn',
      'uplinks:',
      '  - name: cloud',
      '    url: http://example.org',
      '  - { name: cloud, url: "mqtt://example.org", backoffMinMs: 500, backoffMaxMs: 20 }',
      'qualty: []',
      'web: { port: 70000 }',
    ].join('\n')
    expect(problems(text)).toEqual([
      '1:1 edge: must be 1 to 64 of A–Z a–z 0–9 . _ -',
      '3:25 broker.tcp.prt: unknown key "prt"; did you mean "port"?',
      '4:3 broker.connectionsMax: must be a number, not text',
      expect.stringMatching(/^6:5 routes\[0\].topic: .*unknown placeholder "\{unit\}"/),
      '7:5 routes[0].format: must be one of auto, json, cbor, senml, text; did you mean "json"?',
      '8:1 uplinks: two uplinks have the same name',
      '10:5 uplinks[0].url: must be a URL that begins with mqtt://, mqtts://, ws:// or wss://',
      '11:66 uplinks[1].backoffMaxMs: must not be below `backoffMinMs`',
      '12:1 qualty: unknown key "qualty"; did you mean "quality"?',
      '13:8 web.port: must be at most 65535',
    ])
  })

  it('is refused with the problems across parts as well as those within the parts', () => {
    const text =
      'edge: 5\nbroker: { tcp: { host: 5, port: 80 } }\nweb: { host: 0.0.0.0, port: 80 }\nuplinks: [3, null, { name: a }, { name: a }]'
    expect(problems(text)).toEqual([
      '1:1 edge: must be text, not a number',
      '2:18 broker.tcp.host: must be text, not a number',
      '3:23 web.port: is already the port of `broker.tcp` at the same address',
      '4:11 uplinks[0]: must be a mapping, not a number',
      '4:14 uplinks[1]: must be a mapping, not nothing',
      '4:20 uplinks[2].url: is required',
      '4:33 uplinks[3].url: is required',
      '4:1 uplinks: two uplinks have the same name',
    ])
  })

  it('is refused when a required setting is missing, even when the file is empty', () => {
    expect(problems('')).toEqual(['1:1 edge: is required'])
    expect(problems('edge: a\nuplinks:\n  - { name: cloud }')).toEqual(['3:5 uplinks[0].url: is required'])
    expect(problems('log: {}', {}, loadReceiverSettings)).toEqual(['1:1 cloud: is required'])
  })

  it('is refused with the known keys when none is near the unknown one', () => {
    expect(problems('edge: a\nlog: { colour: red }')).toEqual([
      '2:8 log.colour: unknown key "colour"; known here: level, format',
    ])
    expect(problems('edge: a\nlog: { constructor: 1, __proto__: 2 }')).toHaveLength(2)
  })

  it('is refused when it has a key twice', () => {
    expect(problems('edge: a\ndata: x\nedge: b\nwebb: {}')).toEqual([
      '3:1 the mapping already has this key',
      '4:1 webb: unknown key "webb"; did you mean "web"?',
    ])
  })

  it('is refused with one problem, at the place of the mistake, when it is not YAML 1.2', () => {
    expect(problems('edge: [a\nlog: {}')).toEqual([expect.stringMatching(/^2:1 is not valid YAML: /)])
    expect(problems('edge: a\nweb: { enabled: yes }')).toEqual(['2:8 web.enabled: must be true or false, not text'])
    expect(problems('edge: a\n---\nedge: b')).toEqual([expect.stringMatching(/^2:1 a second YAML document/)])
    expect(problems('edge: !secret a')).toEqual([expect.stringMatching(/^1:7 is not valid YAML: Unresolved tag/)])
    expect(problems('- edge')).toEqual(['1:1 must be a mapping, not a list'])
  })

  it('is refused when devices and browsers would share one address and port', () => {
    const web = (port: number, more = '') =>
      `edge: a\nweb: { port: ${port}${more} }\nbroker: { tcp: { port: ${port} } }`
    expect(problems(web(9000))).toEqual(['2:8 web.port: is already the port of `broker.tcp` at the same address'])
    expect(problems(web(0))).toEqual([])
    expect(problems(web(9000, ', enabled: false'))).toEqual([])
    expect(problems(`${web(9000)}\nfoo: 1`)).toHaveLength(2)
  })

  it('cannot exhaust the memory or the stack', () => {
    const levels = Array.from('abcdefghi', (name, index, all = 'abcdefghi') => {
      const inner = index === 0 ? 'x' : `*${all[index - 1]}`
      return `${name}: &${name} [${Array(10).fill(inner).join(', ')}]`
    })
    expect(problems(levels.join('\n'))).toEqual(['1:1 aliases expand to more than 1000 values, or refer to themselves'])
    expect(problems('edge: &self [*self]').length).toBeGreaterThan(0)
    expect(problems(`edge: ${'['.repeat(200_000)}`)).toHaveLength(1)
  })

  it('is refused when it is missing, a folder or too large', () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'edge.yaml'))
    expect(() => loadEdgeSettings(join(folder, 'none.yaml'), {})).toThrow(/there is no such file/)
    expect(() => loadEdgeSettings(join(folder, 'edge.yaml'), {})).toThrow(/cannot read the settings file/)
    expect(() => loadEdgeSettings(write(`# ${'x'.repeat(1_048_576)}`), {})).toThrow(/the limit is 1048576/)
  })

  it('is refused with the line that is not UTF-8: the name in it would become another one', () => {
    const file = write('')
    writeFileSync(file, Buffer.from('# Größe\nedge: a\nroutes:\n  - topic: Kühler/{device}\n', 'latin1'))
    expect(() => loadEdgeSettings(file, {})).toThrow(/line 1 is not UTF-8/)
    writeFileSync(file, Buffer.concat([Buffer.from('edge: a # Größe\n'), Buffer.from('data: K\xfchl', 'latin1')]))
    expect(() => loadEdgeSettings(file, {})).toThrow(/line 2 is not UTF-8/)
    writeFileSync(file, 'edge: a\nroutes: [{ topic: "K\ufffd/{device}" }]\n')
    expect(loadEdgeSettings(file, {}).routes[0]?.topic).toBe('K\ufffd/{device}')
  })
})

describe('a secret', () => {
  const uplink = (more: string) => `edge: a\nuplinks:\n  - { url: "mqtt://h", ${more} }`

  it('is read from a file next to the settings, without the one newline at its end', () => {
    const file = write(uplink('password_file: secret'))
    writeFileSync(join(file, '../secret'), ' s3cret \r\n')
    expect(loadEdgeSettings(file, {}).uplinks[0]?.password).toBe(' s3cret ')
    writeFileSync(join(file, '../other'), 'a\n\n')
    const env = { TIDEGATE_UPLINKS__0__PASSWORD_FILE: 'other' }
    expect(loadEdgeSettings(file, env).uplinks[0]?.password).toBe('a\n')
    expect(
      loadEdgeSettings(write(uplink('password: x')), { TIDEGATE_UPLINKS__0__PASSWORD: '007' }).uplinks[0]?.password,
    ).toBe('007')
  })

  it('from the environment replaces the one from the settings file, directly or as a file name', () => {
    const file = write(uplink('password_file: /no/such/file'))
    expect(loadEdgeSettings(file, { TIDEGATE_UPLINKS__0__PASSWORD: 'x' }).uplinks[0]?.password).toBe('x')
    const other = write(uplink('password: x'))
    writeFileSync(join(other, '../secret'), 'y')
    expect(loadEdgeSettings(other, { TIDEGATE_UPLINKS__0__PASSWORD_FILE: 'secret' }).uplinks[0]?.password).toBe('y')
  })

  it('that cannot be read, is empty or is given twice is reported with the other problems', () => {
    expect(problems(uplink('password_file: none, nam: x'))).toEqual([
      expect.stringMatching(/^3:24 uplinks\[0\].password_file: cannot read .*none: there is no such file/),
      expect.stringMatching(/^3:45 uplinks\[0\].nam: unknown key/),
    ])
    expect(problems(uplink('password_file: edge.yaml, password: x'))).toEqual([
      expect.stringContaining('is set as well as `password`'),
    ])
    const file = write(uplink('password_file: empty'))
    writeFileSync(join(file, '../empty'), '\n')
    expect(() => loadEdgeSettings(file, {})).toThrow(/empty is empty/)
    writeFileSync(join(file, '../empty'), Buffer.from('p\xe4ss', 'latin1'))
    expect(() => loadEdgeSettings(file, {})).toThrow(/empty: line 1 is not UTF-8/)
  })

  it('never appears in a problem', () => {
    const shown = [
      ...problems(uplink('password: [s3cret]')),
      ...problems(uplink('password: 5318008, password_file: 5318008')),
      ...problems('edge: a', { TIDEGATE_UPLINKS: '[{ password: 5318008, s: [ }]' }),
    ].join('\n')
    expect(shown).toContain('password')
    expect(shown).not.toMatch(/s3cret|5318008/)
  })
})

describe('docs/settings.md', () => {
  it('agrees with the schemas', async () => {
    const { settingsDocument } = await import('../../../src/cli/commands/settings/reference.ts')
    expect(readFileSync(join(ROOT, 'docs/settings.md'), 'utf8').trimEnd()).toBe(settingsDocument())
  })
})
