import { systemClock } from '../../../base/clock.ts'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { suggestion } from '../../../base/nearest.ts'
import { timeText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { type Fleet, type Gap, REQUESTS_MAX } from '../../../receiver/fleet/fleet.ts'
import { command, shared } from '../../command.ts'
import { type Cell, textTable } from '../../table.ts'
import { askFleet, receiverOptions } from './source.ts'

export const receiveGaps = command({
  name: 'receive gaps',
  summary: 'List the positions that a receiver is missing, and request them from the edges',
  notes: [
    'A position is missing if the receiver has a higher position of the same edge, or if the edge reports that it has assigned the position. Readings that are still waiting at an edge (see `tidegate receive fleet`) arrive by themselves. Any other missing reading was lost, dropped by a full store, or not meant for this receiver.',
    '--request stores a request for the listed positions. The running receiver sends it to each edge that is online, and repeats it at growing intervals until the readings have arrived or the edge has answered that it does not have them.',
  ],
  options: {
    ...receiverOptions,
    edge: { kind: 'text', value: 'NAME', help: 'Only gaps of this edge' },
    limit: { kind: 'number', value: 'N', help: 'Maximum number of gaps', fallback: 1_000, min: 1, max: REQUESTS_MAX },
    request: { kind: 'flag', help: 'Request the listed positions from the edges' },
    json: shared.json,
  },
  examples: [
    'receive gaps -s examples/receiver.yaml',
    'receive gaps -s examples/receiver.yaml --edge plant-7 --request',
  ],
  async run({ values, output, env }) {
    const { edge, limit, request } = values
    const { gaps, more, stored } = await askFleet(values, { env, write: request }, async (fleet) => {
      const found = await fleet.gaps({ edge, limit: limit + 1 })
      if (found.length === 0 && edge !== undefined) await assertKnown(fleet, edge)
      const listed = found.slice(0, limit)
      const stored = request ? await fleet.request(listed, systemClock.now()) : 0
      return { gaps: listed, more: found.length > limit, stored }
    })
    if (values.json) output.json(gaps.map(plainGap))
    else if (gaps.length === 0) output.print('no gaps')
    else output.print(textTable(HEAD, gaps.map(cells)))
    if (more) output.note(`there are more than ${limit} gaps: raise --limit to list more`)
    if (request)
      output.note(`${stored} new ${stored === 1 ? 'request' : 'requests'} stored; the running receiver sends them`)
    return Exit.OK
  },
})

/** @throws OperatorError if the receiver has never seen this edge: it has no gaps for another reason than that all arrived. */
async function assertKnown(fleet: Fleet, edge: string): Promise<void> {
  const known = (await fleet.edges()).map((one) => one.edge)
  if (known.includes(edge)) return
  throw new OperatorError(`the receiver has never heard of an edge "${edge}"${suggestion(edge, known)}`, {
    remedy:
      '`tidegate receive fleet` lists the edges; if it is missing there, compare `prefix` and the cloud broker of both',
  })
}

const HEAD = ['edge', 'epoch', 'first', 'last', 'positions', 'since (UTC)', 'requested (UTC)']

function cells({ edge, epoch, first, last, since, askedAt }: Gap): Cell[] {
  const requested = askedAt === 0 ? 'not sent yet' : time(askedAt)
  return [edge, oneLine(epoch, 24), first, last, last - first + 1, time(since), requested]
}

function time(ts: number | undefined): string {
  return ts === undefined ? '' : timeText(ts)
}

/** As JSON, times in ISO 8601; `asked` is null if the request is stored and not sent yet, and absent without a request. */
function plainGap({ since, askedAt, ...gap }: Gap): Record<string, unknown> {
  return {
    ...gap,
    positions: gap.last - gap.first + 1,
    since: since === undefined ? undefined : timeText(since),
    asked: askedAt === 0 ? null : askedAt === undefined ? undefined : timeText(askedAt),
  }
}
