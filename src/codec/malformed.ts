/** The bytes are not what the format promises. Stays inside the codec: callers get `{ ok: false, reason }`. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}
