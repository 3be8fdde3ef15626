import { systemClock } from '../../../base/clock.ts'
import { Exit } from '../../../base/errors.ts'
import { timeText } from '../../../base/reading-text.ts'
import { type Gap, REQUESTS_MAX } from '../../../receiver/fleet/fleet.ts'
import { command, shared } from '../../command.ts'
import { type Cell, oneLine, textTable } from '../../table.ts'
import { askFleet, receiverOptions } from './source.ts'

export const receiveGaps = command({
  name: 'receive gaps',
  summary: 'Lists the positions that a receiver lacks of its edges, and has the edges asked for them',
  notes: [
    'A position is missing when a higher one of its edge is there, or when the edge says that it has given it. What still waits at an edge (see `receive fleet`) comes by itself; what remains was lost, dropped by a full store, or never meant for this receiver.',
    'With --request the listed positions are noted. The running receiver asks each edge when it is online, and again at growing intervals, until they have come or the edge has said that it does not have them.',
  ],
  options: {
    ...receiverOptions,
    edge: { kind: 'text', value: 'NAME', help: 'Only of this edge' },
    limit: { kind: 'number', value: 'N', help: 'How many gaps at most', fallback: 1_000, min: 1, max: REQUESTS_MAX },
    request: { kind: 'flag', help: 'Have the edges asked for what is listed' },
    json: shared.json,
  },
  examples: [
    'receive gaps -s examples/receiver.yaml',
    'receive gaps -s examples/receiver.yaml --edge plant-7 --request',
  ],
  async run({ values, output, env }) {
    const { edge, limit, request } = values
    const { gaps, more, noted } = await askFleet(values, { env, write: request }, async (fleet) => {
      const found = await fleet.gaps({ edge, limit: limit + 1 })
      const listed = found.slice(0, limit)
      const newly = request ? await fleet.request(listed, systemClock.now()) : 0
      return { gaps: listed, more: found.length > limit, noted: newly }
    })
    if (values.json) output.json(gaps.map(plain))
    else if (gaps.length === 0) output.print('no gaps')
    else output.print(textTable(HEAD, gaps.map(cells)))
    if (more) output.note(`there are more than ${limit} gaps: --limit lists more`)
    if (request) output.note(`${noted} requests are noted; the running receiver sends them`)
    return Exit.OK
  },
})

const HEAD = ['edge', 'epoch', 'first', 'last', 'positions', 'since (UTC)', 'asked (UTC)']

function cells({ edge, epoch, first, last, since, askedAt }: Gap): Cell[] {
  const asked = askedAt === 0 ? 'noted' : time(askedAt)
  return [edge, oneLine(epoch, 24), first, last, last - first + 1, time(since), asked]
}

function time(ts: number | undefined): string {
  return ts === undefined ? '' : timeText(ts)
}

/** As JSON, times in ISO 8601; `asked` is null where it is noted and was not done yet. */
function plain({ since, askedAt, ...gap }: Gap): Record<string, unknown> {
  return {
    ...gap,
    positions: gap.last - gap.first + 1,
    since: since === undefined ? undefined : timeText(since),
    asked: askedAt === 0 ? null : askedAt === undefined ? undefined : timeText(askedAt),
  }
}
