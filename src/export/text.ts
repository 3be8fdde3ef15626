/** Characters in one chunk; the line that reaches it is the last one of the chunk. */
const CHUNK_CHARS = 65_536

/** Encodes lines as UTF-8 in chunks, so that a page of long texts is never in memory as bytes as a whole. */
export function* bytesOf(lines: Iterable<string>): Iterable<Uint8Array> {
  let chunk = ''
  for (const line of lines) {
    chunk += line
    if (chunk.length < CHUNK_CHARS) continue
    yield Buffer.from(chunk)
    chunk = ''
  }
  if (chunk !== '') yield Buffer.from(chunk)
}
