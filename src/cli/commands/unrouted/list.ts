import { Exit } from '../../../base/errors.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { filterMatches } from '../../../base/topics.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { payloadText, plainPayload } from '../../payload.ts'
import { withReader } from '../../reader.ts'
import { textTable } from '../../table.ts'
import { topicFilter } from '../../topic-filter.ts'
import { type Group, groupsOf } from './groups.ts'

/** A group with the payload of its last message; undefined: the edge has dropped it meanwhile. */
interface Shown extends Group {
  readonly payload: Uint8Array | undefined
}

export const unroutedList = command({
  name: 'unrouted list',
  summary: 'List messages that had no route and no local subscriber, grouped by topic',
  notes: [
    'The edge keeps these messages (`broker.unrouted: store`), so that a route that is added later can still store them: add it to the settings, restart the edge, and run `tidegate unrouted replay`. Topics that differ only in numbers and ids are one group; its name is a topic filter.',
  ],
  options: {
    ...storeOptions,
    topic: { kind: 'text', value: 'FILTER', help: 'Only topics that this filter covers', fallback: '#' },
    limit: { kind: 'number', value: 'N', help: 'Maximum number of groups', fallback: 20, min: 1, max: 10_000 },
    json: shared.json,
  },
  examples: [
    'unrouted list -s examples/edge.yaml',
    'unrouted list --data examples/data/plant-7 --topic "plant/+/temp" --json',
  ],
  async run({ values, output, env }) {
    const filter = topicFilter(values.topic)
    const { groups, shown } = await withReader(await dataFolder(values, env), (reader) => {
      const groups = groupsOf(reader.unroutedHeads(), (topic) => filterMatches(filter, topic))
      const some = groups.slice(0, values.limit)
      return { groups, shown: some.map((group) => ({ ...group, payload: reader.unroutedPayload(group.last.id) })) }
    })
    if (values.json) output.json(shown.map(plainGroup))
    else if (groups.length === 0) output.print('no messages without a route')
    else {
      output.print(textTable(['topics', 'messages', 'bytes', 'last', 'last topic', 'payload'], shown.map(cellsOf)))
      if (groups.length > shown.length) output.note(`${groups.length - shown.length} more groups; see --limit`)
    }
    return Exit.OK
  },
})

function cellsOf({ pattern, messages, bytes, last, payload }: Shown): (string | number)[] {
  const text = payload === undefined ? '' : oneLine(payloadText(payload), 40)
  return [oneLine(pattern, 48), messages, bytes, new Date(last.receivedAt).toISOString(), oneLine(last.topic, 48), text]
}

function plainGroup({ pattern, messages, bytes, firstAt, last, payload }: Shown): Record<string, unknown> {
  const { topic, client, receivedAt } = last
  return {
    pattern,
    messages,
    bytes,
    firstAt: new Date(firstAt).toISOString(),
    lastAt: new Date(receivedAt).toISOString(),
    last: { topic, client, ...(payload === undefined ? {} : plainPayload(payload)) },
  }
}
