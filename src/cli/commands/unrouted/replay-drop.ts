import { systemClock } from '../../../base/clock.ts'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { filterMatches } from '../../../base/topics.ts'
import { command } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { withReader } from '../../reader.ts'
import { topicFilter } from '../../topic-filter.ts'

const NOTE =
  'The command stores an order in the database. A running edge carries it out in the background, a stopped one when it starts; its log says when it is done.'

interface Order {
  readonly verb: 'replay' | 'drop'
  readonly folder: string
  readonly filter: string
  print(text: string): void
}

export const unroutedReplay = command({
  name: 'unrouted replay',
  summary: 'Store messages that were kept without a route as their route says now',
  notes: [
    NOTE,
    'Messages are handled in the order in which they arrived. One whose topic still has no route stays, and so does one that needs a series for which there is no room. Readings that are stored already are recognised as repeats. What cannot be decoded becomes a reject. A reading without a time of its own gets the time at which its message arrived.',
  ],
  options: {
    ...storeOptions,
    topic: { kind: 'text', value: 'FILTER', help: 'Only topics that this filter covers', fallback: '#' },
  },
  examples: [
    'unrouted replay -s examples/edge.yaml',
    'unrouted replay --data examples/data/plant-7 --topic "plant/+/temp"',
  ],
  async run({ values, output, env }) {
    const folder = await dataFolder(values, env)
    return place({ verb: 'replay', folder, filter: topicFilter(values.topic), print: (text) => output.print(text) })
  },
})

export const unroutedDrop = command({
  name: 'unrouted drop',
  summary: 'Discard messages that were kept without a route; the ledger counts them',
  notes: [NOTE],
  options: {
    ...storeOptions,
    topic: { kind: 'text', value: 'FILTER', help: 'Only topics that this filter covers' },
    all: { kind: 'flag', help: 'All of them' },
  },
  examples: [
    'unrouted drop --topic "shellies/#" -s examples/edge.yaml',
    'unrouted drop --all --data examples/data/plant-7',
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
    return place({ verb: 'drop', folder, filter, print: (text) => output.print(text) })
  },
})

/** Places an order for the messages that are kept now. */
async function place({ verb, folder, filter, print }: Order): Promise<typeof Exit.OK> {
  const { count, upTo } = await withReader(folder, (reader) => {
    let count = 0
    let upTo = 0
    for (const { id, topic } of reader.unroutedHeads()) {
      if (!filterMatches(filter, topic)) continue
      count++
      upTo = id
    }
    return { count, upTo }
  })
  if (count === 0) {
    print('there are no such messages')
    return Exit.OK
  }
  const { placeOrder } = await import('../../../store/orders.ts')
  placeOrder(folder, { kind: 'unrouted', verb, filter, after: 0, upTo, done: 0 }, systemClock.now())
  const what = count === 1 ? 'message' : 'messages'
  print(`ordered to ${verb} ${count} ${what}${verb === 'replay' ? ', as far as they have a route now' : ''}`)
  return Exit.OK
}
