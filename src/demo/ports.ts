import { createServer } from 'node:net'
import { codeOf } from '../base/errors.ts'

/**
 * The port itself, or 0 (any free port) if it is in use. If another program takes the port between this check and the
 * listen call, the listener fails with an OperatorError.
 */
export function portOrAny(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (trouble) => (codeOf(trouble) === 'EADDRINUSE' ? resolve(0) : reject(trouble)))
    probe.listen(port, host, () => probe.close(() => resolve(port)))
  })
}
