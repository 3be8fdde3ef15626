import { Exit, type ExitCode, OperatorError } from '../../../base/errors.ts'
import { formatRev } from '../../../config/revision.ts'
import type { ConfigOrder } from '../../../store/orders.ts'
import type { Output } from '../../output.ts'
import type { OrderOutcome } from './order.ts'

/** Help text about the exit codes of commands that place an order. */
export const OUTCOME_NOTES = [
  'The command stores an order in the database, and a running edge carries it out within a second. Exit code 0: done and on disk; 1: the edge refuses the order and gives the reason; 69: no edge runs, or it did not process the order within 10 s. In this last case the order stays, and the edge carries it out when it can.',
]

/** Prints the outcome of an order. @throws OperatorError if it was refused, unless `json` is set */
export function reportOutcome(
  order: ConfigOrder,
  outcome: OrderOutcome,
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

/** The outcome of an order as JSON. `code` and `rev` are null if the edge has not answered. */
function plainOutcome(order: ConfigOrder, outcome: OrderOutcome): Record<string, unknown> {
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

const LATE = 'the edge did not process the order within 10 s'

function doneText(order: ConfigOrder, { result }: Extract<OrderOutcome, { kind: 'done' }>): string {
  const { device, kind } = order
  if (kind === 'config-retry') return `${device}: the waiting messages are sent to the cloud again`
  const rev = result?.rev ?? null
  const inForce = rev === null ? 'there is no config' : `${formatRev(rev)} is in force`
  if (kind === 'config-resolve') return `${device}: conflict ${order.cid} is resolved, ${inForce}`
  if (kind === 'config-delete' && rev !== null) return `${device}: the config is deleted, as revision ${formatRev(rev)}`
  return `${device}: ${inForce}`
}

function leftText(order: ConfigOrder, folder: string, { edgeRuns }: Extract<OrderOutcome, { kind: 'left' }>): string {
  const what = `${order.device}: the order is stored in ${folder}`
  return edgeRuns
    ? `${what}; ${LATE}, but will carry it out\n  what to do: check with \`tidegate status\` whether the edge is healthy; its disk may be full`
    : `${what}; no edge is running there, and the edge carries it out when it starts\n  what to do: start the edge`
}

/** What to do about the answer codes of an edge (docs/config.md); the message of the answer gives the details. */
const REMEDIES: Readonly<Record<number, string>> = {
  400: 'correct what the reason names, and try again; nothing was changed',
  409: 'see `tidegate config show` and `tidegate config conflicts` for the present state; nothing was changed',
  413: 'make the config smaller: docs/config.md lists the limits; nothing was changed',
  429: 'raise config.devicesMax in the settings and restart the edge; nothing was changed',
}

const VERBS: Readonly<Record<ConfigOrder['kind'], string>> = {
  'config-set': 'set the config',
  'config-patch': 'patch the config',
  'config-delete': 'delete the config',
  'config-resolve': 'resolve the conflict',
  'config-retry': 'send the waiting messages',
}

function refusal(
  { kind, device }: ConfigOrder,
  { code, message }: Extract<OrderOutcome, { kind: 'refused' }>,
): OperatorError {
  const remedy = REMEDIES[code] ?? 'see `tidegate config show` for the config in force; nothing was changed'
  return new OperatorError(`cannot ${VERBS[kind]} of device "${device}" (${code}): ${message}`, { remedy })
}
