import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { OperatorError } from '../../../src/base/errors.ts'
import { loadEdgeSettings, loadReceiverSettings } from '../../../src/settings/load/load.ts'
import { PRESETS, type PresetName, withPreset } from '../../../src/settings/presets/presets.ts'
import { Authority, replacePair } from '../../../support/certificates.ts'
import { tempFolder } from '../../../support/folder.ts'
import { describePeer } from '../../../support/peers.ts'
import { ROOT } from '../../../support/process.ts'

const NAMES = Object.keys(PRESETS) as PresetName[]

function write(text: string): string {
  const file = join(tempFolder(), 'settings.yaml')
  writeFileSync(file, text)
  return file
}

/** The problems of the only uplink of an edge, one per line, without the name of the file. */
function problems(uplink: string, edge = 'plant-7'): string[] {
  const file = write(`edge: ${edge}\nuplinks:\n  - ${uplink}\n`)
  try {
    loadEdgeSettings(file, {})
  } catch (refusal) {
    if (!(refusal instanceof OperatorError)) throw refusal
    return refusal.message
      .replaceAll(`${file}:`, '')
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
  }
  return []
}

/** A password takes the place of the certificate here. */
const AWS = 'preset: aws-iot-core, username: a, password: b'

describe('a preset', () => {
  it('is overridden by the settings file, setting by setting', () => {
    const link = { preset: 'aws-iot-core', url: 'mqtts://x:443', keepaliveS: 90, tls: { ca: 'ca.pem' } }
    expect(withPreset(link, 'uplink')).toMatchObject({
      keepaliveS: 90,
      statusRetain: false,
      tls: { ca: 'ca.pem', alpn: ['x-amzn-mqtt-ca'] },
    })
    const written = { ...link, tls: { alpn: ['mqtt'] } }
    expect(withPreset(written, 'uplink')).toMatchObject({ tls: { alpn: ['mqtt'] } })
    expect(link.tls).toEqual({ ca: 'ca.pem' })
  })

  it('sets the ALPN protocol only where the cloud wants it: mqtts:// to port 443', () => {
    const alpn = (url: string): unknown => withPreset({ preset: 'aws-iot-core', url }, 'receiver')
    expect(alpn('mqtts://x:443')).toHaveProperty('tls.alpn', ['x-amzn-mqtt-ca'])
    for (const url of ['mqtts://x:8883', 'mqtts://x', 'wss://x:443']) expect(alpn(url)).not.toHaveProperty('tls')
  })

  it('gives a receiver no setting that only an uplink has', () => {
    for (const name of NAMES) {
      const url = 'mqtts://cloud.example:8883'
      const text = `cloud: { preset: ${name}, url: "${url}", username: a, password: b }`
      expect(loadReceiverSettings(write(text), {}).cloud.preset).toBe(name)
    }
  })

  it('stays within its own limits and within the limits of the settings', () => {
    for (const name of NAMES) {
      expect(problems(`{ preset: ${name}, url: "mqtts://cloud.example:8883", username: a, password: b }`)).toEqual([])
    }
  })

  it('is overridden by the environment, and can be chosen there', () => {
    const file = write(`edge: a\nuplinks: [{ url: "mqtts://x:8883", username: a, password: b }]`)
    const env = { TIDEGATE_UPLINKS__0__PRESET: 'aws-iot-core', TIDEGATE_UPLINKS__0__WINDOW: '7' }
    const [uplink] = loadEdgeSettings(file, env).uplinks
    expect([uplink?.window, uplink?.statusRetain]).toEqual([7, false])
  })

  it('is refused with the nearest known name when its name is unknown', () => {
    expect(problems('{ preset: aws-iot-cor, url: "mqtts://x" }')).toEqual([
      expect.stringMatching(/^3:7 uplinks\[0\]\.preset: must be one of .*did you mean "aws-iot-core"\?$/),
    ])
  })
})

describe('the limits of a cloud', () => {
  it('refuse settings beyond them, each with its line and the name of the cloud', () => {
    const levels = 'a/b/c/d/e/f'
    const uplink = [
      `preset: aws-iot-core`,
      `url: mqtt://x:1883`,
      `keepaliveS: 20`,
      `batchBytesMax: 200000`,
      `window: 101`,
      `prefix: ${levels}`,
      `clientId: ${'ä'.repeat(65)}`,
    ].join('\n    ')
    const found = problems(uplink)
    expect(found.every((line) => line.endsWith('(AWS IoT Core)'))).toBe(true)
    expect(found.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      '4:5 uplinks[0].url:',
      '5:5 uplinks[0].keepaliveS:',
      '6:5 uplinks[0].batchBytesMax:',
      '7:5 uplinks[0].window:',
      '8:5 uplinks[0].prefix:',
      '9:5 uplinks[0].clientId:',
    ])
  })

  it('apply to whole topics', () => {
    const deep = (prefix: string): string[] => problems(`{ ${AWS}, url: "mqtts://x:8883", prefix: ${prefix} }`)
    expect(deep('a/b/c/d/e')).toEqual([])
    expect(deep('a/b/c/d/e/f')).toHaveLength(1)
    expect(deep('a'.repeat(256 - '/plant-7/up/backfill'.length))).toEqual([])
    expect(deep('a'.repeat(257 - '/plant-7/up/backfill'.length))).toHaveLength(1)
  })

  it('apply to the topics of formats as well', () => {
    const topic = (text: string): string[] => {
      const format = `format: message, confirm: puback, message: { topic: '${text}' }`
      return problems(`{ ${AWS}, url: "mqtts://x:8883", prefix: a/b, ${format} }`)
    }
    expect(topic('{prefix}/{edge}/c/d/{device}/{metric}')).toEqual([])
    expect(topic('{prefix}/{edge}/c/d/e/{device}/{metric}')).toEqual([])
    expect(topic('{prefix}/{edge}/c/d/e/f/{device}/{metric}')).toEqual([
      expect.stringMatching(/^3:\d+ uplinks\[0\]\.message\.topic: makes topics with 8 slashes/),
    ])
  })

  it('require a certificate where the cloud accepts no other login', () => {
    for (const name of ['aws-iot-core', 'azure-event-grid']) {
      expect(problems(`{ preset: ${name}, url: "mqtts://x:8883" }`)).toEqual([
        expect.stringMatching(/^3:5 uplinks\[0\]\.tls\.cert: is missing/),
      ])
    }
  })

  it('refuse a URL without TLS for host names that serve only TLS', () => {
    expect(problems('{ preset: hivemq, url: "mqtt://abc.s1.eu.hivemq.cloud" }')).toHaveLength(1)
    expect(problems('{ preset: hivemq, url: "mqtt://10.0.0.5:1883" }')).toEqual([])
  })

  it('refuse dots in a topic where the broker does not allow them', () => {
    for (const name of ['rabbitmq', 'nats']) {
      expect(problems(`{ preset: ${name}, url: "mqtt://x" }`, 'plant.7')).toEqual([
        expect.stringMatching(/^3:7 uplinks\[0\]\.preset: .*dot/),
      ])
      expect(problems(`{ preset: ${name}, url: "mqtt://x", prefix: a.b }`)).toEqual([
        expect.stringMatching(/^3:\d+ uplinks\[0\]\.prefix: .*dot/),
      ])
    }
  })
})

describePeer('openssl', 'the examples for clouds', () => {
  const files = globSync('examples/clouds/*.yaml', { cwd: ROOT }).map((file) => join(ROOT, file))
  const folder = tempFolder()
  beforeAll(() => {
    const authority = new Authority('clouds')
    mkdirSync(join(folder, 'certs'))
    const at = (name: string): string => join(folder, 'certs', name)
    for (const name of ['plant-7', 'receiver']) {
      replacePair({ cert: at(`${name}.pem`), key: at(`${name}.key`) }, authority.issue(name))
    }
    writeFileSync(at('ca.pem'), readFileSync(authority.cert))
    writeFileSync(at('password'), 'secret\n')
  })

  it('exist for each preset, and are valid once the certificates and passwords are in place', () => {
    const kinds = files.map((file) => {
      const name = basename(file)
      const text = readFileSync(file, 'utf8')
      writeFileSync(join(folder, name), text)
      const place = join(folder, name)
      return /^cloud:/m.test(text)
        ? loadReceiverSettings(place, {}).cloud.preset
        : loadEdgeSettings(place, {}).uplinks[0]?.preset
    })
    expect(new Set(kinds)).toEqual(new Set(NAMES))
  })

  it('are identical to the ones in docs/clouds.md', () => {
    const page = readFileSync(join(ROOT, 'docs/clouds.md'), 'utf8')
    const shown = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((block) => block[1])
    for (const file of files) expect(shown).toContain(readFileSync(file, 'utf8'))
  })
})
