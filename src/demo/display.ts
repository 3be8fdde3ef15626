import type { DemoAccount } from './account.ts'
import type { Rates, Snapshot } from './snapshot.ts'

export type Colour = 'green' | 'yellow' | 'red' | 'dim'

/** A text and its colour. The colour is never the only carrier of information. */
export interface Span {
  readonly text: string
  readonly colour?: Colour
}

const SGR: Readonly<Record<Colour, string>> = { green: '32', yellow: '33', red: '31', dim: '2' }

/** One line of at most `width` columns, with or without colours. */
export function paint(spans: readonly Span[], { width, colours }: { width: number; colours: boolean }): string {
  let left = width
  let line = ''
  for (const { text, colour } of spans) {
    const shown = text.slice(0, left)
    left -= shown.length
    line += colours && colour !== undefined && shown !== '' ? `\u001b[${SGR[colour]}m${shown}\u001b[0m` : shown
  }
  return line
}

/** The whole state in one line, the most important first, because a narrow terminal shows only the beginning. */
export function liveLine(snapshot: Snapshot, { inPerS, outPerS }: Rates): Span[] {
  const { cutMs, waiting, confirmed, problems } = snapshot
  const cloud: Span =
    cutMs === undefined
      ? { text: 'cloud up', colour: 'green' }
      : { text: `cloud CUT ${Math.floor(cutMs / 1_000)}s`, colour: 'red' }
  const backlog: Span = { text: `backlog ${count(waiting)}`, ...(cutMs !== undefined && { colour: 'yellow' as const }) }
  const spans: Span[] = [
    cloud,
    { text: `  in ${count(inPerS)}/s  out ${count(outPerS)}/s  ` },
    backlog,
    { text: '  ' },
    ...qualitySpans(snapshot.quality),
    { text: `  confirmed ${count(confirmed)}` },
  ]
  return problems[0] === undefined ? spans : [...spans, { text: `  ${problems[0]}`, colour: 'red' }]
}

function qualitySpans(quality: Snapshot['quality']): Span[] {
  const { good, uncertain, bad } = quality
  const all = Math.max(1, good + uncertain + bad)
  return [
    { text: `good ${percent(good / all)}`, colour: 'green' },
    { text: ` uncertain ${percent(uncertain / all)}`, colour: 'yellow' },
    { text: ` bad ${percent(bad / all)}`, colour: 'red' },
  ]
}

export interface Intro {
  readonly devices: number
  readonly rate: number
  readonly mqtt: { readonly host: string; readonly port: number }
  readonly cloud: { readonly host: string; readonly port: number }
  readonly web: { readonly host: string; readonly port: number } | undefined
  readonly data: string
  readonly removesData: boolean
  /** Ports that were in use by another program, and the ports used instead. */
  readonly moved: readonly { readonly wanted: number; readonly got: number }[]
}

/** What is running, and its addresses. */
export function introLines(intro: Intro): string[] {
  const { devices, rate, mqtt, cloud, web, data, removesData, moved } = intro
  const lines = [
    `Tidegate demo: ${devices} simulated devices, some of them faulty, ${rate} messages per second each.`,
    '',
    `  devices ──▶ edge ${mqtt.host}:${mqtt.port} ──▶ cloud broker ${cloud.host}:${cloud.port} ──▶ receiver`,
    '',
    ...moved.map(({ wanted, got }) => `  Port ${wanted} is in use by another program; port ${got} is used instead.`),
    `  Messages of the devices:  mosquitto_sub -h ${mqtt.host} -p ${mqtt.port} -t 'telemetry/#' -v`,
    `  Reports of the edge:      mosquitto_sub -h ${cloud.host} -p ${cloud.port} -t 'tidegate/+/status'`,
  ]
  if (web !== undefined) lines.push(`  Status of the edge:       http://${web.host}:${web.port}/api/status`)
  lines.push(`  Data:                     ${data}${removesData ? ' (removed at the end)' : ''}`, '')
  return lines
}

/** How to control the demo; without a keyboard, by signals only. */
export function helpLine(hasKeys: boolean): string {
  return hasKeys
    ? 'Press o to cut the cloud off, o again to bring it back, q to stop and count the readings.'
    : 'Ctrl-C (SIGINT) or SIGTERM stops the demo and counts the readings.'
}

/** The counts of the three parties, and whether they agree. */
export function summaryLines(account: DemoAccount): string[] {
  const { taken, stored, confirmed, different, rejected, duplicate, quality, lost, twice } = account
  const row = (label: string, value: number, what: string): string =>
    `  ${label.padEnd(12)}${count(value).padStart(11)}  ${what}`
  const { good, uncertain, bad } = quality
  return [
    'Readings in the two databases, counted after everything has stopped:',
    row('taken', taken, 'acknowledged to the devices'),
    row('stored', stored, "in the edge's database"),
    row('confirmed', confirmed, 'confirmed by the receiver'),
    row(
      'received',
      different,
      `in the receiver's database: ${count(good)} good, ${count(uncertain)} uncertain, ${count(bad)} bad`,
    ),
    row('lost', lost, 'acknowledged, but neither received nor waiting at the edge'),
    row('twice', twice, "surplus rows in the receiver's database"),
    row('rejected', rejected, 'messages that could not be decoded, kept with the reason'),
    row('duplicate', duplicate, 'readings that a device sent again, recognised and not stored twice'),
    ...account.problems.map((problem) => `  PROBLEM: ${problem}`),
    account.problems.length === 0 ? 'The counts agree: nothing lost, nothing twice.' : 'The counts do not agree.',
  ]
}

/** Rounded, with thousands separators: 12,345. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** A share above 0 is never shown as 0 %, nor a share below 1 as 100 %: it becomes `<1%` or `>99%`. */
function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1%'
  if (share > 0.99 && share < 1) return '>99%'
  return `${Math.round(share * 100)}%`
}
