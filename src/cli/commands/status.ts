import { Exit, messageOf, OperatorError } from '../../base/errors.ts'
import type { WebSettings } from '../../settings/edge.ts'
import type { StoreSummary } from '../../store/reader.ts'
import { command, shared } from '../command.ts'
import type { Output } from '../output.ts'
import { withReader } from '../reader.ts'

/** An edge that does not answer within this is reported as not running. */
const ANSWER_MS_MAX = 5_000

/** What the command needs of an edge's answer; it prints all the rest as it comes. */
interface EdgeStatus {
  readonly edge: string
  readonly healthy: boolean
}

export const status = command({
  name: 'status',
  summary: 'Tells how a running edge is doing; of one that is not running, what its store holds',
  notes: ['Exits with 0 when the edge is healthy, 1 when it is not, 69 when it does not answer.'],
  options: { settings: shared.settings, json: shared.json },
  examples: ['status -s examples/edge.yaml', 'status -s examples/edge.yaml --json'],
  async run({ values, output, env }) {
    const { loadEdgeSettings } = await import('../../settings/load/load.ts')
    const { edge, web, data } = loadEdgeSettings(values.settings, env)
    const answer = await ask(web)
    if ('silence' in answer) {
      output.note(`edge ${edge} is not running: ${answer.silence}`)
      await print(output, values.json, { edge, running: false, store: await whatIsStored(data, output) })
      return Exit.UNAVAILABLE
    }
    if (answer.status.edge !== edge) {
      throw new OperatorError(`at ${urlOf(web)} the edge ${answer.status.edge} answers, not ${edge}`, {
        remedy: 'give the settings file of the running edge, or give each edge a `web.port` of its own',
        exitCode: Exit.UNAVAILABLE,
      })
    }
    await print(output, values.json, answer.status)
    return answer.status.healthy ? Exit.OK : Exit.FAILED
  },
})

/** What the store holds, or null when there is none to be read. */
async function whatIsStored(folder: string, output: Output): Promise<StoreSummary | null> {
  try {
    return await withReader(folder, (reader) => reader.summary())
  } catch (trouble) {
    if (!(trouble instanceof OperatorError)) throw trouble
    output.note(trouble.message)
    return null
  }
}

/** Where the edge of this machine answers: an address for every interface is reached over the loopback. */
function urlOf({ host, port }: WebSettings): string {
  const reachable = host === '0.0.0.0' || host === '::' || host === '' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/api/status`
}

async function ask(web: WebSettings): Promise<{ readonly status: EdgeStatus } | { readonly silence: string }> {
  if (!web.enabled) return { silence: 'it cannot be asked, since `web.enabled` is false' }
  if (web.port === 0) return { silence: 'it cannot be asked, since `web.port` is 0' }
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
  return status === undefined ? { silence: `what answers at ${url} is no edge` } : { status }
}

function parseStatus(body: string): EdgeStatus | undefined {
  try {
    const status: Partial<EdgeStatus> | null = JSON.parse(body)
    const { edge, healthy } = status ?? {}
    return typeof edge === 'string' && typeof healthy === 'boolean' ? { ...status, edge, healthy } : undefined
  } catch {
    return undefined
  }
}

async function print(output: Output, asJson: boolean, data: unknown): Promise<void> {
  if (asJson) return output.json(data)
  const { stringify } = await import('yaml')
  output.print(stringify(data).trimEnd())
}
