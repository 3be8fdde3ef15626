import type { Client } from 'aedes'

/** Private members of mqtt-packet's parser; private-members.ts checks them at start. */
interface LimitedParser {
  packet: { length: number }
  _parseLength(): boolean
  _emitError(error: Error): boolean
}

/**
 * Refuses a packet by its length field (MQTT 3.1.1 §2.2.3), after at most five bytes and before the CONNECT. Without
 * this limit any connection could make the broker buffer 256 MB.
 */
export function limitPackets(client: Client, packetBytesMax: number): void {
  const parser = (client as unknown as { _parser: LimitedParser })._parser
  const parseLength = parser._parseLength.bind(parser)
  parser._parseLength = () => {
    if (!parseLength()) return false
    if (parser.packet.length <= packetBytesMax) return true
    return parser._emitError(
      new Error(`packet of ${parser.packet.length} bytes; at most ${packetBytesMax} are accepted`),
    )
  }
}
