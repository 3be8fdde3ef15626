/** The bytes do not follow the format. Stays inside the codec: callers get `{ ok: false, reason }`. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}
