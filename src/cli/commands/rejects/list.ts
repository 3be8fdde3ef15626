import { Exit } from '../../../base/errors.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import type { RejectRow, StoreReader } from '../../../store/reader.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { withReader } from '../../reader.ts'
import { textTable } from '../../table.ts'
import { formatMessage, messageId, plainMessage } from './message.ts'
import { formatParked, parkedId, plainParked } from './parked.ts'
import { noSuchReject, parseId } from './reject-id.ts'
import { formatUndecodable, plainUndecodable } from './undecodable.ts'

const ID_MAX = Number.MAX_SAFE_INTEGER

/** One row of the list, of any kind. */
interface Entry {
  /** UTC milliseconds. */
  readonly at: number
  readonly cells: readonly (string | number)[]
  readonly json: Record<string, unknown>
}

export const rejectsList = command({
  name: 'rejects list',
  summary: 'List undecodable messages and what the cloud refused, newest first',
  notes: [
    'An id without a letter is a message that the edge could not decode. `partial`: only some of its fields could not be decoded; the others are stored. An id that begins with p is a parked reading: an uplink has quarantined it, because the receiver or cloud broker refuses it. An id that begins with m is a parked forwarded message. Other readings and messages are still delivered.',
  ],
  options: {
    ...storeOptions,
    limit: { kind: 'number', value: 'N', help: 'Maximum number of rows', fallback: 20, min: 1, max: 10_000 },
    before: { kind: 'number', value: 'ID', help: 'Only undecodable messages with a smaller id', min: 1, max: ID_MAX },
    json: shared.json,
  },
  examples: [
    'rejects list -s examples/edge.yaml',
    'rejects list --data examples/data/plant-7 --limit 100 --before 4711',
  ],
  async run({ values, output, env }) {
    const { limit, before } = values
    const entries = await withReader(await dataFolder(values, env), (reader) => {
      const parked = before === undefined ? [...parkedOf(reader, limit), ...messagesOf(reader, limit)] : []
      return [...undecodableOf(reader, limit, before), ...parked].sort((a, b) => b.at - a.at).slice(0, limit)
    })
    if (values.json) output.json(entries.map(({ json }) => json))
    else if (entries.length === 0) output.print('no rejects')
    else {
      const head = ['id', 'at', 'by', 'device', 'topic or metric', 'reason']
      output.print(
        textTable(
          head,
          entries.map(({ cells }) => cells),
        ),
      )
    }
    return Exit.OK
  },
})

function undecodableOf(reader: StoreReader, limit: number, before: number | undefined): Entry[] {
  return reader.rejects(limit, before).map((row) => ({
    at: row.receivedAt,
    cells: cells(row.id, row.receivedAt, by(row), row.device, row.topic, row.reason.replaceAll('\n', '; ')),
    json: plainUndecodable(row),
  }))
}

function by({ fields }: RejectRow): string {
  return fields > 0 ? 'decoder, partial' : 'decoder'
}

function parkedOf(reader: StoreReader, limit: number): Entry[] {
  return reader.parked(limit).map((row) => ({
    at: row.parkedAt,
    cells: cells(parkedId(row), row.parkedAt, `uplink ${row.uplink}`, row.device, row.metric, row.reason),
    json: plainParked(row),
  }))
}

function messagesOf(reader: StoreReader, limit: number): Entry[] {
  return reader.parkedMessages(limit).map((row) => ({
    at: row.parkedAt,
    cells: cells(messageId(row), row.parkedAt, `uplink ${row.uplink}`, '', row.topic, row.reason),
    json: plainMessage(row),
  }))
}

function cells(id: string | number, at: number, ...[by, device, subject, reason]: string[]): (string | number)[] {
  const columns = [oneLine(by!, 24), oneLine(device!, 32), oneLine(subject!, 48), oneLine(reason!, 80)]
  return [id, new Date(at).toISOString(), ...columns]
}

export const rejectsShow = command({
  name: 'rejects show',
  summary: 'Show one reject in full: a message with its payload, or a parked reading',
  options: { ...storeOptions, json: shared.json },
  operands: { value: 'ID', help: 'Id of the reject, from `tidegate rejects list`', min: 1, max: 1 },
  examples: ['rejects show 4711 -s examples/edge.yaml', 'rejects show p3 -s examples/edge.yaml'],
  async run({ values, operands: [id = ''], output, env }) {
    const { kind, number } = parseId(id)
    const shown = await withReader(await dataFolder(values, env), (reader) => {
      if (kind === 'undecodable') return showMessage(reader.reject(number))
      if (kind === 'message') {
        const message = reader.parkedMessage(number)
        return message && { json: plainMessage(message), text: formatMessage(message) }
      }
      const row = reader.parkedOne(number)
      return row && { json: plainParked(row), text: formatParked(row) }
    })
    if (shown === undefined) throw noSuchReject(id)
    if (values.json) output.json(shown.json)
    else output.print(shown.text)
    return Exit.OK
  },
})

function showMessage(row: RejectRow | undefined): { json: Record<string, unknown>; text: string } | undefined {
  return row && { json: plainUndecodable(row), text: formatUndecodable(row) }
}
