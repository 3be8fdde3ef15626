import type { Client } from 'aedes'

/** The parts of mqtt-packet's parser that the guard touches. They are private: the version is pinned. */
interface GuardedParser {
  packet: { length: number }
  _parseLength(): boolean
  _emitError(error: Error): boolean
}

/**
 * Refuses a packet by its length field (MQTT 3.1.1 §2.2.3), after at most five bytes and before anybody has said who
 * they are. Without it 256 MB are buffered for whoever asks.
 */
export function limitPackets(client: Client, packetBytesMax: number): void {
  const parser = (client as unknown as { _parser: GuardedParser })._parser
  const parseLength = parser._parseLength.bind(parser)
  parser._parseLength = () => {
    if (!parseLength()) return false
    if (parser.packet.length <= packetBytesMax) return true
    return parser._emitError(new Error(`packet of ${parser.packet.length} bytes; at most ${packetBytesMax} are taken`))
  }
}
