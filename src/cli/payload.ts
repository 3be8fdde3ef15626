/** A payload for JSON: in base64 and, if it is UTF-8, as text. */
export function plainPayload(payload: Uint8Array): { readonly payloadBase64: string; readonly payloadText?: string } {
  const text = textOf(payload)
  return {
    payloadBase64: Buffer.from(payload).toString('base64'),
    ...(text === undefined ? {} : { payloadText: text }),
  }
}

/** For a terminal: as text if it is printable UTF-8, else as a hex dump. */
export function payloadText(payload: Uint8Array): string {
  return textOf(payload) ?? hexDump(payload)
}

/** The payload as text, or undefined if it is not UTF-8 or has control characters. */
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
