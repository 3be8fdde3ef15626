import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLink } from '../../src/link/open.ts'
import { HARMFUL_IN_LINES } from '../../support/harmful.ts'
import { runTidegate } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startAedes } from '../link/brokers.ts'

/** Turns the direction of what follows; isolates it; is invisible; ends a line; begins a control sequence. */
const ODD = { right: '\u202e', isolate: '\u2067', soft: '\u00ad', line: '\u2028', csi: '\u009b31m' }
/** Names of devices can have all but control characters. */
const DEVICE = `press${ODD.right}1${ODD.isolate}${ODD.soft}${ODD.line}`
/** A name that a suggestion answers with the first one. */
const NEAR = DEVICE.replace('1', '2')
const CLIENT = `gateway${ODD.right}${ODD.csi}`
const LONG = `${'x'.repeat(3_000)}${ODD.right}`

describe('texts that devices choose', () => {
  let edge: SiteEdge
  const seen: string[] = []

  beforeAll(async () => {
    const cloud = await startAedes()
    const watcher = await openLink({
      ...{ url: cloud.url, clientId: 'watcher', session: false, keepaliveS: 30, connectTimeoutMs: 5_000 },
      onMessage: (topic, payload) => {
        if (topic.endsWith('/status')) seen.push(Buffer.from(payload).toString())
      },
    })
    await watcher.subscribe('#', 1)
    edge = await SiteEdge.create({
      store: { seriesMax: 3, seriesPerClientMax: 3 },
      log: { level: 'trace' },
      uplinks: [{ url: cloud.url, ...QUICK_UPLINK, statusEveryMs: 1_000 }],
    })
    await edge.start()
    const client = await RawClient.connect(edge.port, CLIENT)
    client.publish(`telemetry/${DEVICE}/heat`, '1', { qos: 1, messageId: 1 })
    client.publish(`telemetry/${DEVICE}/text`, JSON.stringify(`a${ODD.right}${ODD.csi}`), { qos: 1, messageId: 2 })
    client.publish(`telemetry/${DEVICE}/${LONG}`, '1', { qos: 1, messageId: 3 })
    client.publish(`telemetry/press${ODD.csi}/heat`, '1', { qos: 1, messageId: 4 })
    client.publish(`telemetry/${DEVICE}/heat`, `{"${ODD.right}${ODD.csi}": {"a": [[}`, { qos: 1, messageId: 5 })
    client.publish(`telemetry/${DEVICE}/more`, '1', { qos: 1, messageId: 6 })
    await until(() => client.count('puback') === 6, { what: 'all are acknowledged' })
    for (const name of ['new', 'newer', 'newest']) client.publish(`telemetry/${DEVICE}/${name}`, '1', { qos: 0 })
    await client.ping()
    // Refused and logged: a filter that is none, an id that is used twice.
    const broken = await RawClient.connect(edge.port, `${CLIENT}2`)
    broken.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `a${ODD.right}#`, qos: 1 }] } as never)
    await until(() => broken.closed)
    await RawClient.connect(edge.port, CLIENT)
    await until(async () => (await edge.status()).problems.length > 0, { what: 'the catalog is full' })
    const before = seen.length
    await until(() => seen.length > before + 1, { what: 'the status is published' })
  })

  afterAll(() => edge.stop())

  it('are escaped in the log, and its lines are short', () => {
    const { stderr } = edge.process
    expect(stderr).toContain('gateway')
    expect(stderr).not.toMatch(HARMFUL_IN_LINES)
    expect(Math.max(...stderr.split('\n').map((line) => line.length))).toBeLessThan(10_000)
  })

  it.each([
    'healthz',
    'api/status',
    'api/devices',
    'api/latest',
    'api/history?device=DEVICE&metric=text',
    'api/latest?device=DEVICE',
    'api/none?x=DEVICE',
  ])('are escaped in the answers over HTTP: %s', async (path) => {
    const text = await (
      await fetch(`http://127.0.0.1:${edge.webPort}/${path.replace('DEVICE', encodeURIComponent(NEAR))}`)
    ).text()
    expect(text).not.toMatch(HARMFUL_IN_LINES)
  })

  it('are escaped and cut in the problems, also in the retained status at the cloud', async () => {
    const problems = (await edge.status()).problems.join('\n')
    expect(problems).toContain('press\\u202e1')
    expect(problems).toContain('gateway\\u202e\\u009b31m')
    expect(seen.at(-1)).toContain('press')
    for (const text of [problems, ...seen]) expect(text).not.toMatch(HARMFUL_IN_LINES)
  })

  it('are the names that a program reads from the JSON', async () => {
    const answer = await fetch(`http://127.0.0.1:${edge.webPort}/api/latest?device=${encodeURIComponent(DEVICE)}`)
    const { latest } = (await answer.json()) as { latest: { device: string; metric: string; value: unknown }[] }
    expect(latest.find(({ metric }) => metric === 'text')).toMatchObject({
      device: DEVICE,
      value: `a${ODD.right}${ODD.csi}`,
    })
  })

  it.each(
    [
      ['status'],
      ['status', '--json'],
      ['devices'],
      ['devices', '--json'],
      ['ledger'],
      ['ledger', '--json'],
      ['rejects', 'list'],
      ['rejects', 'list', '--json'],
      ['rejects', 'show', '1'],
      ['rejects', 'show', '2'],
      ['rejects', 'show', '2', '--json'],
      ['history', DEVICE, 'text', '--from', '2000-01-01'],
      ['history', DEVICE, 'text', '--from', '2000-01-01', '--json'],
      ['history', DEVICE, 'none'],
      ['history', NEAR, 'text'],
      ['devices', 'forget', `${DEVICE}?`],
      ['config', 'show', DEVICE],
      ['sql', 'SELECT * FROM devices'],
      ['sql', 'SELECT * FROM rejects', '--json'],
    ].map((args) => [args.join(' ').replaceAll(/press[^ ?]*/g, 'DEVICE'), args] as const),
  )('are escaped by the command %s', async (_, args) => {
    const { stdout, stderr } = await runTidegate([...args, '-s', edge.settingsFile])
    expect(stdout + stderr).not.toBe('')
    expect(stdout).not.toMatch(HARMFUL_IN_LINES)
    expect(stderr).not.toMatch(HARMFUL_IN_LINES)
  })
})
