import { createServer } from 'node:net'
import { codeOf } from '../base/errors.ts'

/**
 * The port itself, or 0 (any free one) when somebody listens there already. Whoever takes it in the moment between the
 * question and the listening is met as an OperatorError then.
 */
export function portOrAny(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (trouble) => (codeOf(trouble) === 'EADDRINUSE' ? resolve(0) : reject(trouble)))
    probe.listen(port, host, () => probe.close(() => resolve(port)))
  })
}
