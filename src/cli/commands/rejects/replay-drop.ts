import { systemClock } from '../../../base/clock.ts'
import { Exit, OperatorError } from '../../../base/errors.ts'
import type { Order, RejectOrder } from '../../../store/orders.ts'
import type { RejectRow, StoreReader } from '../../../store/reader.ts'
import { command } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { withReader } from '../../reader.ts'
import { noSuchReject, parseId } from './reject-id.ts'

const IDS_MAX = 10_000
const NOTES = [
  'The command stores an order in the database. A running edge carries it out within a second, a stopped one when it starts.',
]
const options = {
  ...storeOptions,
  all: {
    kind: 'flag',
    help: 'All rejects: messages that were not understood, and parked readings and messages of all uplinks',
  },
} as const
const operands = { value: 'ID', help: 'Ids of rejects, from `tidegate rejects list`', min: 0, max: IDS_MAX }

type Verb = 'replay' | 'drop'
type PlacedOrder = RejectOrder | Extract<Order, { kind: 'replay-undecodable' }>

const PAGE_ROWS = 100

export const rejectsReplay = command({
  name: 'rejects replay',
  summary: 'Send parked readings and messages again, and decode kept messages again',
  notes: [
    ...NOTES,
    'A parked reading or message is sent again; if it is refused again, it is parked again with the new reason. A kept message is decoded again: what is understood now, and was not stored before, is stored, for example after a change of the settings of its route or an upgrade of Tidegate, or when there is room for its series. Otherwise the reject stays; a partial reject also stays if it is older than the latest store.repeatWindow readings. The log of the edge and `tidegate rejects list` show the result.',
  ],
  options,
  operands,
  examples: ['rejects replay p3 -s examples/edge.yaml', 'rejects replay --all --data examples/data/plant-7'],
  run: ({ values, operands: ids, output, env }) =>
    placeAll('replay', { values, ids, env, print: (t) => output.print(t) }),
})

export const rejectsDrop = command({
  name: 'rejects drop',
  summary: 'Discard rejects permanently; the ledger counts a parked reading as lost',
  notes: NOTES,
  options,
  operands,
  examples: ['rejects drop p3 4711 -s examples/edge.yaml'],
  run: ({ values, operands: ids, output, env }) =>
    placeAll('drop', { values, ids, env, print: (t) => output.print(t) }),
})

interface Given {
  readonly values: { readonly settings: string | undefined; readonly data: string | undefined; readonly all: boolean }
  readonly ids: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  print(text: string): void
}

async function placeAll(verb: Verb, { values, ids, env, print }: Given): Promise<typeof Exit.OK> {
  if (values.all === ids.length > 0) {
    throw new OperatorError('cannot tell which rejects are meant', {
      remedy: 'give either the ids of rejects or --all',
      exitCode: Exit.USAGE,
    })
  }
  const folder = await dataFolder(values, env)
  const orders = await withReader(folder, (reader) => ordersFor(reader, verb, values.all ? undefined : ids))
  const { placeOrder } = await import('../../../store/orders.ts')
  for (const order of orders) placeOrder(folder, order, systemClock.now())
  const count = orders.reduce((sum, order) => sum + order.ids.length, 0)
  if (count === 0) {
    print('there are no rejects')
    return Exit.OK
  }
  print(`ordered to ${verb} ${count} ${count === 1 ? 'reject' : 'rejects'}; a running edge does it within a second`)
  return Exit.OK
}

/** One order per uplink and kind. @throws OperatorError if an id does not exist or cannot be replayed */
function ordersFor(reader: StoreReader, verb: Verb, given: readonly string[] | undefined): PlacedOrder[] {
  const orders = new Map<string, PlacedOrder[]>()
  const add = (order: PlacedOrder): void => {
    const key = JSON.stringify({ ...order, ids: [] })
    const before = orders.get(key)?.findLast(({ ids }) => ids.length < IDS_MAX)
    if (before !== undefined) before.ids.push(...order.ids)
    else orders.set(key, [...(orders.get(key) ?? []), { ...order, ids: [...order.ids] }])
  }
  const addParked = ({ uplink, id }: { uplink: string; id: number }): void =>
    add({ kind: `${verb}-parked`, uplink, ids: [id] })
  const addMessage = ({ uplink, id }: { uplink: string; id: number }): void =>
    add({ kind: `${verb}-messages`, uplink, ids: [id] })
  if (given === undefined) {
    reader.parked(IDS_MAX).forEach(addParked)
    reader.parkedMessages(IDS_MAX).forEach(addMessage)
    addUndecodable(reader, verb, add)
  }
  for (const id of given ?? []) {
    const { kind, number } = parseId(id)
    if (kind === 'parked') addParked(found(id, reader.parkedOne(number)))
    else if (kind === 'message') addMessage(found(id, reader.parkedMessage(number)))
    else {
      checkUndecodable(reader, verb, id, number)
      add({ kind: `${verb}-undecodable`, ids: [number] })
    }
  }
  return [...orders.values()].flat()
}

function found<T>(id: string, row: T | undefined): T {
  if (row === undefined) throw noSuchReject(id)
  return row
}

function isWhole({ payload, payloadBytes }: RejectRow): boolean {
  return payload.length === payloadBytes
}

/** Adds the messages that were not understood; for a replay only those whose whole payload was kept. */
function addUndecodable(reader: StoreReader, verb: Verb, add: (order: PlacedOrder) => void): void {
  for (let before: number | undefined; ; ) {
    const page = reader.rejects(PAGE_ROWS, before)
    for (const row of page) if (verb === 'drop' || isWhole(row)) add({ kind: `${verb}-undecodable`, ids: [row.id] })
    if (page.length < PAGE_ROWS) return
    before = page.at(-1)!.id
  }
}

function checkUndecodable(reader: StoreReader, verb: Verb, id: string, number: number): void {
  const row = reader.reject(number)
  if (row === undefined) throw noSuchReject(id)
  if (verb === 'drop' || isWhole(row)) return
  throw new OperatorError(`reject ${id} cannot be decoded again: only the first part of its payload was kept`, {
    remedy: 'raise store.rejectPayloadBytesMax, and let the device publish again',
  })
}
