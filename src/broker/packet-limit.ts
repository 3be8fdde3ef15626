import type { Client } from 'aedes'
import { PacketRefused } from './guards/refusals.ts'

/** Private members of mqtt-packet's parser; private-members.ts checks them at start. */
interface LimitedParser {
  packet: { length: number }
  _parseLength(): boolean
  _emitError(error: Error): boolean
}

/** Bytes of a CONNECT: anyone can send one. Its largest parts are the payload of the will and the password. */
const CONNECT_BYTES_MAX = 65_536

/** Bytes of the next packet, at most: before CONNECT fewer than after it. */
export function packetBytesLimit(
  { connecting, connected }: { readonly connecting: boolean; readonly connected: boolean },
  packetBytesMax: number,
): number {
  return connecting || connected ? packetBytesMax : Math.min(packetBytesMax, CONNECT_BYTES_MAX)
}

/**
 * Refuses a packet by its length field (MQTT 3.1.1 §2.2.3), after at most five bytes and before the CONNECT. Without
 * this limit any connection could make the broker buffer 256 MB. All errors of the parser become refusals, which are
 * counted.
 */
export function limitPackets(client: Client, packetBytesMax: number): void {
  const parser = (client as unknown as { _parser: LimitedParser })._parser
  const parseLength = parser._parseLength.bind(parser)
  const emitError = parser._emitError.bind(parser)
  parser._emitError = (error) =>
    emitError(error instanceof PacketRefused ? error : new PacketRefused('malformed', error.message))
  parser._parseLength = () => {
    if (!parseLength()) return false
    const bytesMax = packetBytesLimit(client, packetBytesMax)
    if (parser.packet.length <= bytesMax) return true
    const problem = `packet of ${parser.packet.length} bytes; at most ${bytesMax} are accepted`
    return parser._emitError(new PacketRefused('tooLarge', problem))
  }
}
