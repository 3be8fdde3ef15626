import { Exit } from '../../../base/errors.ts'
import { timeText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import type { EdgeView } from '../../../receiver/fleet/fleet.ts'
import { command, shared } from '../../command.ts'
import { type Cell, textTable } from '../../table.ts'
import { askFleet, receiverOptions } from './source.ts'

const PROBLEMS_CHARS_MAX = 100

export const receiveFleet = command({
  name: 'receive fleet',
  summary: 'List the edges of a receiver: online or not, last seen, backlog, problems',
  notes: [
    'Reads the database of the receiver, which may be running or not. An edge that lost its connection counts as online until the broker has noticed.',
    'Clock offset: how far the clock of the edge is behind the clock of the receiver, including the network delay. Oldest: when the oldest unconfirmed reading arrived at the edge, by the clock of the edge.',
  ],
  options: { ...receiverOptions, json: shared.json },
  examples: ['receive fleet -s examples/receiver.yaml', 'receive fleet --data examples/data/received --json'],
  async run({ values, output, env }) {
    const edges = await askFleet(values, { env, write: false }, async (fleet) => fleet.edges())
    if (values.json) output.json(edges.map(plainEdge))
    else if (edges.length === 0) output.print('no edges')
    else output.print(textTable(HEAD, edges.map(cells)))
    return Exit.OK
  },
})

const HEAD = [
  'edge',
  'state',
  'last seen (UTC)',
  'version',
  'readings',
  'backlog',
  'oldest (UTC)',
  'clock offset',
  'problems',
]

function cells(edge: EdgeView): Cell[] {
  const { problems, version = '', state = 'unknown', healthy } = edge
  const trouble = problems.length === 0 ? (healthy === false ? 'not healthy' : '') : problems.join('; ')
  return [
    ...[edge.edge, state, time(edge.seenAt), oneLine(version, 20), edge.readings, edge.waiting ?? ''],
    ...[time(edge.oldestAt), offsetText(edge.clockOffsetMs), oneLine(trouble, PROBLEMS_CHARS_MAX)],
  ]
}

function time(ts: number | undefined): string {
  return ts === undefined ? '' : timeText(ts)
}

/** With its sign, in the largest unit in which it is at least ten. */
function offsetText(offsetMs: number | undefined): string {
  if (offsetMs === undefined) return ''
  const sign = offsetMs < 0 ? '-' : '+'
  const ms = Math.abs(offsetMs)
  if (ms < 10_000) return `${sign}${ms} ms`
  if (ms < 600_000) return `${sign}${Math.round(ms / 1_000)} s`
  return ms < 36_000_000 ? `${sign}${Math.round(ms / 60_000)} min` : `${sign}${Math.round(ms / 3_600_000)} h`
}

/** As JSON, times in ISO 8601. */
function plainEdge({ seenAt, storedAt, at, oldestAt, waiting, ...edge }: EdgeView): Record<string, unknown> {
  const iso = (ts: number | undefined): string | undefined => (ts === undefined ? undefined : timeText(ts))
  return {
    ...edge,
    seenAt: iso(seenAt),
    reportedAt: iso(at),
    storedAt: iso(storedAt),
    backlog: waiting === undefined ? undefined : { waiting, oldestAt: iso(oldestAt) },
  }
}
