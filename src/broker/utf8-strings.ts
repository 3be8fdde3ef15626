import { isUtf8 } from 'node:buffer'
import type { Client } from 'aedes'
import { PacketRefused } from './guards/refusals.ts'

/** Private members of mqtt-packet's parser; private-members.ts checks them at start. */
interface StringParser {
  /** Bytes that are not parsed yet, and the position in them. */
  readonly _list: { slice(start: number, end: number): Buffer }
  readonly _pos: number
  _parseString(): string | null
  _emitError(error: Error): boolean
}

/** What ill-formed UTF-8 is replaced by (Unicode 3.9, U+FFFD). A string without it was well-formed. */
const REPLACEMENT = '\ufffd'

/** Whether the bytes of this string must be checked: it has characters that ill-formed UTF-8 is replaced by, or U+0000. */
export function isDoubtful(text: string): boolean {
  return text.includes(REPLACEMENT) || text.includes('\0')
}

/**
 * Refuses a packet with a string (topic, filter, client id, user name, will topic) that is not well-formed UTF-8 or
 * contains U+0000 (MQTT 3.1.1 §1.5.3). The parser would replace the wrong bytes, and two names would become one.
 */
export function requireUtf8(client: Client): void {
  const parser = (client as unknown as { _parser: StringParser })._parser
  const parseString = parser._parseString.bind(parser)
  const emitError = parser._emitError.bind(parser)
  let isRefused = false
  parser._parseString = () => {
    const start = parser._pos + 2 // the length
    const text = parseString()
    if (text === null || !isDoubtful(text)) return text
    if (!text.includes('\0') && isUtf8(parser._list.slice(start, parser._pos))) return text
    const what = text.includes('\0') ? 'contains U+0000' : 'is not well-formed UTF-8'
    const problem = `a string in a packet ${what}: ${JSON.stringify(text.slice(0, 100))}`
    emitError(new PacketRefused('illFormedText', problem))
    isRefused = true
    return null
  }
  // The caller reports the missing string again; the connection is closed already.
  parser._emitError = (error) => !isRefused && emitError(error)
}
