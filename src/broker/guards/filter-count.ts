import type { Client } from 'aedes'
import { PacketRefused } from './refusals.ts'

/** Private members of mqtt-packet's parser; private-members.ts checks them at start. */
interface FilterParser {
  readonly packet: { readonly cmd: string; readonly length: number }
  readonly _list: { slice(start: number, end: number): Buffer }
  _parseSubscribe(): unknown
  _parseUnsubscribe(): unknown
  _emitError(error: Error): unknown
}

/** Filters of one SUBSCRIBE or UNSUBSCRIBE. A packet is parsed in one go, 10,000 filters in about ten milliseconds. */
export const FILTERS_PER_PACKET_MAX = 10_000

/** Refuses a SUBSCRIBE or UNSUBSCRIBE with too many filters before they are parsed. */
export function limitFilters(client: Client): void {
  const parser = (client as unknown as { _parser: FilterParser })._parser
  const parseSubscribe = parser._parseSubscribe.bind(parser)
  const parseUnsubscribe = parser._parseUnsubscribe.bind(parser)
  const refusal = () =>
    parser._emitError(
      new PacketRefused(
        'filter',
        `${parser.packet.cmd} with more than ${FILTERS_PER_PACKET_MAX} filters: send them in several packets`,
      ),
    )
  parser._parseSubscribe = () => (hasRoom(parser, 1) ? parseSubscribe() : refusal())
  parser._parseUnsubscribe = () => (hasRoom(parser, 0) ? parseUnsubscribe() : refusal())
}

/** @param rest bytes after each filter */
function hasRoom({ packet, _list }: FilterParser, rest: number): boolean {
  const bytes = _list.slice(0, packet.length)
  let at = 2 // behind the packet identifier
  for (let count = 0; at + 2 <= bytes.length; count++) {
    if (count >= FILTERS_PER_PACKET_MAX) return false
    at += 2 + bytes.readUInt16BE(at) + rest
  }
  return true
}
