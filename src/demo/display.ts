import type { Account } from './account.ts'
import type { Rates, Snapshot } from './snapshot.ts'

export type Colour = 'green' | 'yellow' | 'red' | 'dim'

/** Words and the colour that helps to find them; nothing is told by colour alone. */
export interface Span {
  readonly text: string
  readonly colour?: Colour
}

const SGR: Readonly<Record<Colour, string>> = { green: '32', yellow: '33', red: '31', dim: '2' }

/** One line of at most `width` columns, with colours where they are wanted. */
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

/** The state of everything in one line, what matters most first: a narrow terminal shows the beginning. */
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
  /** Ports that somebody else had. */
  readonly moved: readonly { readonly wanted: number; readonly got: number }[]
}

/** What is running and where to look. */
export function introLines(intro: Intro): string[] {
  const { devices, rate, mqtt, cloud, web, data, removesData, moved } = intro
  const lines = [
    `Tidegate demo: ${devices} simulated devices, some of them faulty, ${rate} messages a second each.`,
    '',
    `  devices ──▶ edge ${mqtt.host}:${mqtt.port} ──▶ cloud broker ${cloud.host}:${cloud.port} ──▶ receiver`,
    '',
    ...moved.map(({ wanted, got }) => `  Port ${wanted} is in use by another program; this runs on ${got} instead.`),
    `  Listen to the devices:  mosquitto_sub -h ${mqtt.host} -p ${mqtt.port} -t 'telemetry/#' -v`,
    `  and to the edge:        mosquitto_sub -h ${cloud.host} -p ${cloud.port} -t 'tidegate/+/status'`,
  ]
  if (web !== undefined) lines.push(`  Status of the edge:     http://${web.host}:${web.port}/api/status`)
  lines.push(`  Data:                   ${data}${removesData ? ' (removed at the end)' : ''}`, '')
  return lines
}

/** What to press; without a keyboard there are signals only. */
export function helpLine(hasKeys: boolean): string {
  return hasKeys
    ? 'Press o to cut the cloud off and again to bring it back, q to stop and count.'
    : 'Ctrl-C (SIGINT) or SIGTERM stops it and counts.'
}

/** Who has what, and whether that agrees. */
export function summaryLines(account: Account): string[] {
  const { taken, stored, confirmed, different, rejected, duplicate, quality, lost, twice } = account
  const row = (label: string, value: number, what: string): string =>
    `  ${label.padEnd(12)}${count(value).padStart(11)}  ${what}`
  const { good, uncertain, bad } = quality
  return [
    'Counted in the two databases, after everything had stopped:',
    row('taken', taken, 'readings acknowledged to the devices'),
    row('stored', stored, "readings in the edge's database"),
    row('confirmed', confirmed, 'of them confirmed by the receiver'),
    row(
      'received',
      different,
      `in the receiver's database: ${count(good)} good, ${count(uncertain)} uncertain, ${count(bad)} bad`,
    ),
    row('lost', lost, 'acknowledged, and nowhere to be found'),
    row('twice', twice, `rows in the receiver's database beyond one a reading`),
    `  Besides: ${count(rejected)} messages that nobody can decode are kept as rejects; ${count(duplicate)} repeats were recognised.`,
    ...account.problems.map((problem) => `  PROBLEM: ${problem}`),
    account.problems.length === 0 ? 'All agree: nothing lost, nothing twice.' : 'They do not agree.',
  ]
}

/** Whole, in groups of three: 12,345. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** A share is never rounded to nothing, nor to all: `<1%` and `>99%` say that there is something else. */
function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1%'
  if (share > 0.99 && share < 1) return '>99%'
  return `${Math.round(share * 100)}%`
}
