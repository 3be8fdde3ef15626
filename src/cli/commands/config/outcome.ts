import { Exit, type ExitCode, OperatorError } from '../../../base/errors.ts'
import { formatRev } from '../../../config/revision.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import type { Output } from '../../output.ts'
import type { Outcome } from './order.ts'

/** Exit codes of what orders an edge to do something, for help texts. */
export const OUTCOME_NOTES = [
  'The order is left in the data folder, and a running edge carries it out within a second. Exit code 0: it is done and on the disk; 1: the edge refuses it, with the reason; 69: no edge runs, or it has not come to it within 10 s: the order stays, and is carried out when the edge can.',
]

/** Tells what became of an order. @throws OperatorError where it was refused, unless JSON is asked for */
export function tellOutcome(
  order: ConfigOrder,
  outcome: Outcome,
  { folder, json, output }: { readonly folder: string; readonly json: boolean; readonly output: Output },
): ExitCode {
  if (json) output.json(plainOutcome(order, outcome))
  switch (outcome.kind) {
    case 'done':
      if (!json) output.print(doneText(order, outcome))
      return Exit.OK
    case 'refused':
      if (json) return Exit.FAILED
      throw refusal(order, outcome)
    case 'left':
      if (!json) output.note(leftText(order, folder, outcome))
      return Exit.UNAVAILABLE
  }
}

/** What became of an order, as JSON. `code` and `rev` are null where the edge has not answered. */
function plainOutcome(order: ConfigOrder, outcome: Outcome): Record<string, unknown> {
  const { device } = order
  const common = { device, id: 'id' in order ? order.id : null, outcome: outcome.kind }
  switch (outcome.kind) {
    case 'done': {
      const { result } = outcome
      return { ...common, code: 200, rev: result?.rev ? formatRev(result.rev) : null, message: '' }
    }
    case 'refused':
      return { ...common, code: outcome.code, rev: null, message: outcome.message }
    case 'left':
      return { ...common, code: null, rev: null, message: outcome.edgeRuns ? LATE : 'no edge runs' }
  }
}

const LATE = 'the edge has not come to it within 10 s'

function doneText(order: ConfigOrder, { result }: Extract<Outcome, { kind: 'done' }>): string {
  const { device, kind } = order
  if (kind === 'config-retry') return `${device}: what waits for the cloud is sent again`
  const rev = result?.rev ?? null
  const inForce = rev === null ? 'there is no config' : `${formatRev(rev)} is in force`
  if (kind === 'config-resolve') return `${device}: conflict ${order.cid} is resolved, ${inForce}`
  if (kind === 'config-delete' && rev !== null) return `${device}: the config is deleted, as revision ${formatRev(rev)}`
  return `${device}: ${inForce}`
}

function leftText(order: ConfigOrder, folder: string, { edgeRuns }: Extract<Outcome, { kind: 'left' }>): string {
  const what = `${order.device}: the order is left in ${folder}`
  return edgeRuns
    ? `${what}: ${LATE}, and will carry it out\n  what to do: \`tidegate status\` tells how the edge is; its disk may be full`
    : `${what}: no edge runs there, and the next one carries it out\n  what to do: start the edge`
}

/** What to do about the answers of an edge (docs/config.md); their texts say more. */
const REMEDIES: Readonly<Record<number, string>> = {
  400: 'mend what the reason names, and try again; nothing was changed',
  409: '`tidegate config show` and `tidegate config conflicts` tell what is the case now; nothing was changed',
  413: 'keep the config within its bounds (docs/config.md); nothing was changed',
  429: 'raise config.devicesMax in the settings and start the edge anew; nothing was changed',
}

const VERBS: Readonly<Record<ConfigOrder['kind'], string>> = {
  'config-set': 'set the config',
  'config-patch': 'patch the config',
  'config-delete': 'delete the config',
  'config-resolve': 'resolve the conflict',
  'config-retry': 'send again what waits',
}

function refusal(
  { kind, device }: ConfigOrder,
  { code, message }: Extract<Outcome, { kind: 'refused' }>,
): OperatorError {
  const remedy = REMEDIES[code] ?? '`tidegate config show` tells what is in force; nothing was changed'
  return new OperatorError(`cannot ${VERBS[kind]} of device "${device}" (${code}): ${message}`, { remedy })
}
