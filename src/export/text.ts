/** Characters of one piece; the line that reaches it is the last. */
const CHUNK_CHARS = 65_536

/** Lines as bytes, in pieces: a page of long texts is never held as bytes at once. */
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
