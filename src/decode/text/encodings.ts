const BRACE = 0x7b
const BRACKET = 0x5b
const QUOTE = 0x22

/** Whether the bytes are text in UTF-16: with a byte order mark, or an ASCII bracket or quote of two bytes in front. */
export function isUtf16(bytes: Uint8Array): boolean {
  if (bytes.length < 4 || bytes.length % 2 !== 0) return false
  const [a, b, c, d] = [bytes[0], bytes[1], bytes[2], bytes[3]]
  if (a === 0xff && b === 0xfe) return isAscii(c) && d === 0
  if (a === 0xfe && b === 0xff) return c === 0 && isAscii(d)
  if (b === 0) return isOpening(a) && isAscii(c) && d === 0
  return a === 0 && isOpening(b) && c === 0 && isAscii(d)
}

function isOpening(byte: number | undefined): boolean {
  return byte === BRACE || byte === BRACKET || byte === QUOTE
}

function isAscii(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09)
}

/** Whether the bytes begin like a map of MessagePack, or an array of them, whose first key is a text in ASCII. */
export function isMessagePack(bytes: Uint8Array): boolean {
  let at = 0
  const first = bytes[0]!
  if ((first >= 0x91 && first <= 0x9f) || first === 0xdc) at = first === 0xdc ? 3 : 1
  const head = bytes[at] ?? 0
  if (head === 0xde) at += 3
  else if (head >= 0x81 && head <= 0x8f) at += 1
  else return false
  const key = bytes[at] ?? 0
  const [start, length] = key === 0xd9 ? [at + 2, bytes[at + 1] ?? 0] : [at + 1, key - 0xa0]
  if (length < 1 || (key !== 0xd9 && length > 31) || start + length >= bytes.length) return false
  for (let i = start; i < start + length; i++) if (bytes[i]! < 0x20 || bytes[i]! >= 0x7f) return false
  return true
}
