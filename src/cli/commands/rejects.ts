import { Exit, OperatorError } from '../../base/errors.ts'
import type { RejectRow } from '../../store/reader.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withReader } from '../reader.ts'
import { oneLine, textTable } from '../table.ts'

const ID_MAX = Number.MAX_SAFE_INTEGER

export const rejectsList = command({
  name: 'rejects list',
  summary: 'Lists the messages that could not be decoded, newest first',
  options: {
    ...storeOptions,
    limit: { kind: 'number', value: 'N', help: 'How many', fallback: 20, min: 1, max: 10_000 },
    before: { kind: 'number', value: 'ID', help: 'Only older ones than this', min: 1, max: ID_MAX },
    json: shared.json,
  },
  examples: ['rejects list -s examples/edge.yaml', 'rejects list --data ./data --limit 100 --before 4711'],
  async run({ values, output, env }) {
    const rows = await withReader(await dataFolder(values, env), (reader) =>
      reader.rejects(values.limit, values.before),
    )
    if (values.json) output.json(rows.map(plain))
    else if (rows.length === 0) output.print('no rejects')
    else {
      const head = ['id', 'received', 'device', 'topic', 'bytes', 'reason']
      output.print(textTable(head, rows.map(cells)))
    }
    return Exit.OK
  },
})

export const rejectsShow = command({
  name: 'rejects show',
  summary: 'Shows one message that could not be decoded, with its payload',
  options: { ...storeOptions, json: shared.json },
  operands: { value: 'ID', help: 'Id of the reject, from `tidegate rejects list`', min: 1, max: 1 },
  examples: ['rejects show 4711 -s examples/edge.yaml'],
  async run({ values, operands: [id = ''], output, env }) {
    const number = /^[1-9]\d{0,15}$/.test(id) ? Number(id) : undefined
    const row = await withReader(await dataFolder(values, env), (reader) => number && reader.reject(number))
    if (!row) {
      throw new OperatorError(`there is no reject with the id "${id}"`, {
        remedy: '`tidegate rejects list` tells the ids; the oldest rejects are removed first',
      })
    }
    if (values.json) output.json(plain(row))
    else output.print(portrait(row))
    return Exit.OK
  },
})

function cells(row: RejectRow): (string | number)[] {
  const received = new Date(row.receivedAt).toISOString()
  return [row.id, received, oneLine(row.device, 32), oneLine(row.topic, 48), row.payloadBytes, oneLine(row.reason, 80)]
}

/** A reject as JSON: time in ISO 8601, payload in base64 and, where it is UTF-8, as text. */
function plain({ receivedAt, payload, ...row }: RejectRow): Record<string, unknown> {
  const text = textOf(payload)
  return {
    ...row,
    receivedAt: new Date(receivedAt).toISOString(),
    truncated: payload.length < row.payloadBytes,
    payloadBase64: Buffer.from(payload).toString('base64'),
    ...(text === undefined ? {} : { payloadText: text }),
  }
}

function portrait(row: RejectRow): string {
  const cut = row.payload.length < row.payloadBytes ? `, the first ${row.payload.length} are kept` : ''
  return [
    `id        ${row.id}`,
    `received  ${new Date(row.receivedAt).toISOString()}`,
    `device    ${oneLine(row.device, 200)}`,
    `client    ${oneLine(row.client, 200)}`,
    `topic     ${oneLine(row.topic, 200)}`,
    `reason    ${oneLine(row.reason, 2_000)}`,
    `payload   ${row.payloadBytes} bytes${cut}`,
    '',
    textOf(row.payload) ?? hexDump(row.payload),
  ].join('\n')
}

/** The payload as text, when it is UTF-8 that a terminal can show. */
function textOf(payload: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload)
    return /[^\P{Cc}\t\r\n]/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

const HEX_ROW_BYTES = 16

function hexDump(payload: Uint8Array): string {
  const lines: string[] = []
  for (let offset = 0; offset < payload.length; offset += HEX_ROW_BYTES) {
    const bytes = payload.subarray(offset, offset + HEX_ROW_BYTES)
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(HEX_ROW_BYTES * 3 - 1)}  ${text}`)
  }
  return lines.join('\n')
}
