/** Subscribes to everything with QoS 1, acknowledges and counts, and measures the time. Arguments: port, expected messages. */
import { connect } from 'node:net'
import { connectPacket, subscribePacket } from './packets.ts'

const BUFFER_BYTES = 262_144
const PUBLISH_QOS1 = 0x32
const SUBACK = 0x90

const port = Number(process.argv[2])
const expected = Number(process.argv[3])
const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
const acks = Buffer.allocUnsafe(BUFFER_BYTES)
let held = 0
let received = 0
let firstAt = 0

const socket = connect({
  port,
  host: '127.0.0.1',
  noDelay: true,
  onread: { buffer: () => buffer.subarray(held), callback: (length) => read(held + length) },
})
socket.on('error', (failure) => end(1, failure.message))
socket.on('close', () => end(1, `closed after ${received} messages`))
socket.write(Buffer.concat([connectPacket('bench-subscriber'), subscribePacket('#')]))

/** Handles all complete packets in the buffer and moves the rest to its beginning. */
function read(filled: number): boolean {
  let at = 0
  let acksLength = 0
  while (filled - at >= 2) {
    let length = buffer[at + 1]!
    let start = at + 2
    if (length >= 0x80) {
      if (filled - at < 3) break
      length = (length & 0x7f) | (buffer[start++]! << 7)
    }
    if (filled - start < length) break
    const type = buffer[at]! & 0xf6 // without DUP and RETAIN
    if (type === PUBLISH_QOS1) {
      const id = start + 2 + buffer.readUInt16BE(start)
      acks[acksLength++] = 0x40
      acks[acksLength++] = 2
      acks[acksLength++] = buffer[id]!
      acks[acksLength++] = buffer[id + 1]!
      if (received++ === 0) firstAt = performance.now()
    } else if (type === SUBACK) process.stdout.write('subscribed\n')
    at = start + length
  }
  buffer.copyWithin(0, at, filled)
  held = filled - at
  if (acksLength > 0) socket.write(Buffer.from(acks.subarray(0, acksLength)))
  if (received >= expected) end(0, `received all in ${Math.round(performance.now() - firstAt)} ms`)
  return true
}

function end(code: number, message: string): never {
  process.stdout.write(`${message}\n`)
  process.exit(code)
}
