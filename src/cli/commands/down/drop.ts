import { systemClock } from '../../../base/clock.ts'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { filterMatches } from '../../../base/topics.ts'
import { command } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { withReader } from '../../reader.ts'
import { topicFilter } from '../../topic-filter.ts'

export const downDrop = command({
  name: 'down drop',
  summary: 'Discard messages from the cloud that wait for local clients; the ledger counts them',
  notes: [
    'The command stores an order in the database. A running edge carries it out at once, a stopped one when it starts; its log says when it is done. The topics are those on the local broker.',
  ],
  options: {
    ...storeOptions,
    topic: { kind: 'text', value: 'FILTER', help: 'Only topics that this filter covers' },
    all: { kind: 'flag', help: 'All of them' },
  },
  examples: [
    'down drop --topic "commands/pump7/#" -s examples/edge.yaml',
    'down drop --all --data examples/data/plant-7',
  ],
  async run({ values, output, env }) {
    if (values.all === (values.topic !== undefined)) {
      throw new OperatorError('cannot tell which messages are meant', {
        remedy: 'give either --topic FILTER or --all',
        exitCode: Exit.USAGE,
      })
    }
    const folder = await dataFolder(values, env)
    const filter = topicFilter(values.topic ?? '#')
    const heads = await withReader(folder, (reader) => reader.downHeads())
    const meant = heads.filter(({ topic }) => filterMatches(filter, topic))
    const last = meant.at(-1)
    if (last === undefined) {
      output.print('there are no such messages')
      return Exit.OK
    }
    const { placeOrder } = await import('../../../store/orders.ts')
    placeOrder(folder, { kind: 'drop-down', filter, upTo: last.id }, systemClock.now())
    output.print(`ordered to drop ${meant.length} ${meant.length === 1 ? 'message' : 'messages'}`)
    return Exit.OK
  },
})
