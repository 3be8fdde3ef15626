import { Exit } from '../../../base/errors.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { filterMatches } from '../../../base/topics.ts'
import type { DownHead } from '../../../store/reader.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { withReader } from '../../reader.ts'
import { textTable } from '../../table.ts'
import { topicFilter } from '../../topic-filter.ts'

/** The waiting messages of one topic. */
interface TopicGroup {
  readonly topic: string
  messages: number
  /** Of their payloads. */
  bytes: number
  /** The first that arrived. */
  readonly first: DownHead
}

export const downList = command({
  name: 'down list',
  summary: 'List messages from the cloud that wait for local clients, by topic',
  notes: [
    'Messages of routes with `direction: down` wait on disk until a local client has acknowledged them, or until their time is over. The topics are those on the local broker.',
  ],
  options: {
    ...storeOptions,
    topic: { kind: 'text', value: 'FILTER', help: 'Only topics that this filter covers', fallback: '#' },
    limit: { kind: 'number', value: 'N', help: 'Maximum number of topics', fallback: 20, min: 1, max: 100_000 },
    json: shared.json,
  },
  examples: ['down list -s examples/edge.yaml', 'down list --data examples/data/plant-7 --topic "commands/#" --json'],
  async run({ values, output, env }) {
    const filter = topicFilter(values.topic)
    const heads = await withReader(await dataFolder(values, env), (reader) => reader.downHeads())
    const groups = groupsOf(heads.filter(({ topic }) => filterMatches(filter, topic)))
    const shown = groups.slice(0, values.limit)
    if (values.json) output.json(shown.map(plainGroup))
    else if (groups.length === 0) output.print('no messages from the cloud wait')
    else {
      output.print(textTable(['topic', 'messages', 'bytes', 'oldest', 'removed at'], shown.map(cellsOf)))
      if (groups.length > shown.length) output.note(`${groups.length - shown.length} more topics; see --limit`)
    }
    return Exit.OK
  },
})

/** The topic with most messages first. */
function groupsOf(heads: readonly DownHead[]): TopicGroup[] {
  const groups = new Map<string, TopicGroup>()
  for (const head of heads) {
    const { topic, payloadBytes } = head
    const group = groups.get(topic) ?? { topic, messages: 0, bytes: 0, first: head }
    groups.set(topic, group)
    group.messages++
    group.bytes += payloadBytes
  }
  return [...groups.values()].sort((a, b) => b.messages - a.messages)
}

function cellsOf({ topic, messages, bytes, first }: TopicGroup): (string | number)[] {
  return [oneLine(topic, 64), messages, bytes, timeText(first.receivedAt), timeText(first.expiresAt)]
}

function plainGroup({ topic, messages, bytes, first }: TopicGroup): Record<string, unknown> {
  return { topic, messages, bytes, oldestAt: timeText(first.receivedAt), expiresAt: timeText(first.expiresAt) }
}

function timeText(at: number): string {
  return new Date(at).toISOString()
}
