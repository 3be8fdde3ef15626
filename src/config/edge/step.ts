import { onDesired } from './desired.ts'
import { onAck, onDevice, onTick } from './device-acks.ts'
import { onResolve, onSet } from './local-edits.ts'
import { headOf, isPublished, localPayload, message } from './messages.ts'
import { type CloudTopic, type EdgeEnv, type EdgeEvent, type EdgeState, type EdgeStep, RING_MAX } from './state.ts'
import { ageTombstone, publishLocal, Turn } from './turn.ts'

/**
 * Handles one event for one device at the edge. Pure: it returns the new state and the effects. Commit the state
 * together with the durable effects, then do the others.
 */
export function step(state: EdgeState, event: EdgeEvent, env: EdgeEnv): EdgeStep {
  const turn = new Turn(state, env)
  work(turn, event)
  ageTombstone(turn)
  return { state: turn.state, effects: turn.effects }
}

function work(turn: Turn, event: EdgeEvent): void {
  switch (event.kind) {
    case 'desired':
      return onDesired(turn, event.message)
    case 'set':
      return onSet(turn, event)
    case 'malformed':
      return turn.count('malformed', event.reason)
    case 'ack':
      return onAck(turn, event)
    case 'device':
      return onDevice(turn, event)
    case 'resolve':
      return onResolve(turn, event)
    case 'sending':
      return onSending(turn, event.what)
    case 'restart':
      return onRestart(turn)
    case 'tick':
      return onTick(turn)
  }
}

/** The cloud may know the head from now on, so it may become an ancestor: it must be on disk before it is published. */
function onSending(turn: Turn, what: CloudTopic): void {
  const { state } = turn
  if (what === 'head' && state.cur !== null) {
    const head = headOf(state, state.cur)
    if (!isPublished(state, head) && state.ring.length < RING_MAX) turn.change({ ring: [...state.ring, head] })
  }
  turn.emit({ kind: 'publish', what, payload: message(turn.state, what) })
}

/** Publishes everything again that may have been lost with the process. */
function onRestart(turn: Turn): void {
  const { cur, conflict, settled, applied, tombstone } = turn.state
  if (cur !== null && !tombstone?.purged) {
    if (applied.status === 'pending') publishLocal(turn, applied.attempts)
    else turn.emit({ kind: 'publishLocal', payload: localPayload(turn.state, turn.env.rules.localForm) })
  } else {
    turn.emit({ kind: 'publishLocal', payload: '' })
  }
  if (cur !== null) turn.emit({ kind: 'enqueue', what: 'head' }, { kind: 'enqueue', what: 'reported' })
  if (conflict !== null || settled?.shown) turn.emit({ kind: 'enqueue', what: 'conflict' })
}

export { nextDue } from './device-acks.ts'
export { message } from './messages.ts'
