import { ReasonCodes } from 'mqtt'

/** Return codes of CONNACK before MQTT 5 (MQTT 3.1.1, 3.2.2.3). */
const RETURN_CODES = [
  'accepted',
  'unacceptable protocol version',
  'client identifier rejected',
  'server unavailable',
  'bad user name or password',
  'not authorized',
] as const

/** The name of a broker's code, followed by the code in hexadecimal. */
export function reasonText(code: number | undefined, protocolVersion: 4 | 5): string {
  if (code === undefined) return 'no reason given'
  const name: unknown = protocolVersion === 4 ? RETURN_CODES[code] : Reflect.get(ReasonCodes, code)
  const text = typeof name === 'string' && name !== '' ? name.toLowerCase() : 'unknown reason'
  return `${text} (0x${code.toString(16).padStart(2, '0')})`
}
