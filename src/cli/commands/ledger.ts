import { Exit, OperatorError } from '../../base/errors.ts'
import { suggestion } from '../../base/nearest.ts'
import type { NameChange } from '../../store/edge-name.ts'
import type { LedgerRow } from '../../store/ledger.ts'
import type { DownAccount, ForwardAccount, UnroutedAccount } from '../../store/reader.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withReader } from '../reader.ts'
import { type Cell, textTable } from '../table.ts'

export const ledger = command({
  name: 'ledger',
  summary: 'Account for every reading of every device; exit code 1 if it does not balance',
  notes: [
    'For every device: received = stored + rejected + partial + duplicate, and stored = kept + expired + dropped + thinned + damaged. For every device and uplink: stored = confirmed + waiting + parked + lost. For messages without a route: stored = waiting + replayed + dropped + discarded. For messages from the cloud: stored = waiting + delivered + expired + discarded + damaged. Every equation that does not hold is reported. The edge may be running.',
  ],
  options: {
    ...storeOptions,
    uplink: { kind: 'text', value: 'NAME', help: 'Only this uplink; default: all uplinks' },
    json: shared.json,
  },
  examples: ['ledger -s examples/edge.yaml', 'ledger --data examples/data/plant-7 --json'],
  async run({ values, output, env }) {
    const account = await withReader(await dataFolder(values, env), (reader) => {
      const uplinks = reader.summary().backlogs.map(({ uplink }) => uplink)
      if (values.uplink !== undefined && !uplinks.includes(values.uplink)) throw noSuchUplink(values.uplink, uplinks)
      const messages = reader.forwards().filter(({ uplink }) => uplink === (values.uplink ?? uplink))
      return {
        devices: reader.ledger(values.uplink),
        messages: messages.filter(({ stored }) => stored > 0),
        unrouted: reader.unrouted(),
        down: reader.down(),
        adoptions: reader.nameChanges(),
      }
    })
    const { devices, messages, unrouted, down, adoptions } = account
    const ofDevices = devices.flatMap(({ device, problems }) => problems.map((problem) => `${device}: ${problem}`))
    const problems = [...ofDevices, ...[...messages, unrouted, down].flatMap((one) => one.problems)]
    const balanced = problems.length === 0
    if (values.json) output.json({ balanced, problems, ...account })
    else {
      output.print(ledgerTable(devices))
      if (messages.length > 0) output.print(`\n${messagesTable(messages)}`)
      if (unrouted.stored > 0) output.print(`\n${unroutedTable(unrouted)}`)
      if (down.stored > 0) output.print(`\n${downTable(down)}`)
      if (adoptions.length > 0) output.print(`\n${adoptionsTable(adoptions)}`)
    }
    for (const problem of problems) output.note(`does not balance: ${problem}`)
    return balanced ? Exit.OK : Exit.FAILED
  },
})

function noSuchUplink(name: string, known: readonly string[]): OperatorError {
  return new OperatorError(`the store has no uplink "${name}"${suggestion(name, known)}`, {
    remedy: known.length === 0 ? 'omit --uplink: the store has no uplinks yet' : `use one of ${known.join(', ')}`,
  })
}

/** Forwarded messages, one row per uplink. */
function messagesTable(accounts: readonly ForwardAccount[]): string {
  const head = ['messages to', 'stored', 'confirmed', 'waiting', 'parked', 'lost']
  return textTable(
    head,
    accounts.map(({ uplink, stored, confirmed, waiting, parked, dropped }) => {
      return [uplink, stored, confirmed, waiting, parked, dropped]
    }),
  )
}

/** Messages whose topic had no route. */
function unroutedTable({ stored, waiting, replayed, dropped, discarded }: UnroutedAccount): string {
  return textTable(
    ['messages', 'stored', 'waiting', 'replayed', 'dropped', 'discarded'],
    [['without a route', stored, waiting, replayed, dropped, discarded]],
  )
}

/** Messages from the cloud for local clients. */
function downTable({ stored, waiting, delivered, expired, discarded, damaged }: DownAccount): string {
  return textTable(
    ['messages', 'stored', 'delivered', 'waiting', 'expired', 'discarded', 'damaged'],
    [['from the cloud', stored, delivered, waiting, expired, discarded, damaged]],
  )
}

/** Changes of the name of the edge: what was confirmed before one is in the cloud under the former name. */
function adoptionsTable(changes: readonly NameChange[]): string {
  return textTable(
    ['adopted at', 'from', 'to', 'epoch'],
    changes.map(({ at, from, to, epoch }) => [new Date(at).toISOString(), from, to, epoch]),
  )
}

/** Readings that are no longer kept, by reason; a column is shown if any device has such readings. */
const REMOVED = ['expired', 'dropped', 'thinned', 'damaged'] as const

/** One row per device, and the total; if there are several uplinks, each has its own columns. */
export function ledgerTable(rows: readonly LedgerRow[]): string {
  const uplinks = [...new Set(rows.flatMap(({ perUplink }) => Object.keys(perUplink)))]
  const of = (row: LedgerRow, uplink: string) =>
    row.perUplink[uplink] ?? { confirmed: 0, waiting: 0, parked: 0, dropped: 0 }
  const removed = REMOVED.filter((reason) => rows.some((row) => row[reason] > 0))
  const partial = rows.some((row) => row.partial > 0) ? (['partial'] as const) : []
  const columns: [string, (row: LedgerRow) => Cell][] = [
    ['device', ({ device }) => device],
    ...(['received', 'stored', 'rejected', ...partial, 'duplicate', ...removed] as const).map(
      (key): [string, (row: LedgerRow) => Cell] => [key, (row) => row[key]],
    ),
  ]
  for (const uplink of uplinks) {
    const suffix = uplinks.length > 1 ? ` ${uplink}` : ''
    columns.push([`confirmed${suffix}`, (row) => of(row, uplink).confirmed])
    columns.push([`waiting${suffix}`, (row) => of(row, uplink).waiting])
    if (rows.some((row) => of(row, uplink).parked > 0)) {
      columns.push([`parked${suffix}`, (row) => of(row, uplink).parked])
    }
    columns.push([`lost${suffix}`, (row) => of(row, uplink).dropped])
  }
  const head = columns.map(([title]) => title)
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row)))
  const total = head.map((_, column): Cell => {
    return column === 0 ? 'total' : cells.reduce((sum, row) => sum + Number(row[column]), 0)
  })
  return textTable(head, cells, total)
}
