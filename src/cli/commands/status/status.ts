import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import type { WebSettings } from '../../../settings/edge.ts'
import type { StoreSummary } from '../../../store/reader.ts'
import { command, shared } from '../../command.ts'
import type { Output } from '../../output.ts'
import { withReader } from '../../reader.ts'
import type { AnsweredStatus } from './status-text.ts'

/** If an edge does not answer within this time (milliseconds), it is reported as not running. */
const ANSWER_MS_MAX = 5_000

export const status = command({
  name: 'status',
  summary: 'Show the status of a running edge; of a stopped one, what its store holds',
  notes: [
    'Exit code 0: the edge is healthy; 1: it is not healthy; 69: it does not answer.',
    '--json prints every figure, as `/api/status` does. Times are ISO 8601 in UTC; every other figure that has a unit ends with it (Ms, Bytes, Hours), and the rest are counts.',
  ],
  options: {
    settings: shared.settings,
    json: shared.json,
    alive: { kind: 'flag', help: 'Only check that the edge answers: exit code 0 even if it is not healthy' },
  },
  examples: [
    'status -s examples/edge.yaml',
    'status --alive -s examples/edge.yaml',
    'status -s examples/edge.yaml --json',
  ],
  async run({ values, output, env }) {
    const { loadEdgeSettings } = await import('../../../settings/load/load.ts')
    const { edge, web, data } = loadEdgeSettings(values.settings, env)
    const answer = await ask(web)
    if ('silence' in answer) {
      output.note(`edge ${edge} is not running: ${answer.silence}`)
      const store = await storeSummary(data, output)
      if (values.json) output.json({ edge, running: false, store })
      else if (store !== null) output.print((await import('./status-text.ts')).summaryText(store))
      return Exit.UNAVAILABLE
    }
    if (answer.status.edge !== edge) {
      throw new OperatorError(`at ${urlOf(web)} the edge ${answer.status.edge} answers, not ${edge}`, {
        remedy: 'use the settings file of the running edge, or set a different `web.port` for each edge',
        exitCode: Exit.UNAVAILABLE,
      })
    }
    if (values.alive) return Exit.OK
    if (values.json) output.json(answer.status)
    else output.print((await import('./status-text.ts')).statusText(answer.status))
    return answer.status.healthy ? Exit.OK : Exit.FAILED
  },
})

/** The contents of the store, or null if it cannot be read. */
async function storeSummary(folder: string, output: Output): Promise<StoreSummary | null> {
  try {
    return await withReader(folder, (reader) => reader.summary())
  } catch (trouble) {
    if (!(trouble instanceof OperatorError)) throw trouble
    output.note(trouble.message)
    return null
  }
}

/** The status URL of the edge on this machine: an edge that listens on all interfaces is asked over loopback. */
function urlOf({ host, port }: WebSettings): string {
  const reachable = host === '0.0.0.0' || host === '::' || host === '' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/api/status`
}

async function ask(web: WebSettings): Promise<{ readonly status: AnsweredStatus } | { readonly silence: string }> {
  if (!web.enabled) return { silence: 'its status is not available, because `web.enabled` is false' }
  if (web.port === 0) return { silence: 'its status is not available, because `web.port` is 0' }
  const url = urlOf(web)
  let body: string
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    body = await response.text()
  } catch (trouble) {
    const cause = trouble instanceof Error && trouble.cause !== undefined ? trouble.cause : trouble
    return { silence: `nothing answers at ${url} (${messageOf(cause)})` }
  }
  const status = parseStatus(body)
  return status === undefined ? { silence: `another program answers at ${url}` } : { status }
}

function parseStatus(body: string): AnsweredStatus | undefined {
  try {
    const status: Partial<AnsweredStatus> | null = JSON.parse(body)
    const { edge, healthy } = status ?? {}
    return typeof edge === 'string' && typeof healthy === 'boolean' ? { ...status, edge, healthy } : undefined
  } catch {
    return undefined
  }
}
