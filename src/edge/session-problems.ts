import type { BrokerStats } from '../broker/broker.ts'

/** Something that was dropped or refused is a problem for this long (ms). */
export const SHOWN_MS = 600_000
const NAME_CHARS_MAX = 60

type Facts = Pick<BrokerStats, 'sessions' | 'retained' | 'wills'>
type Occasion = Facts['retained']['refused']

/** Problems of local clients: the broker dropped or refused something because a bound is reached. */
export function sessionProblems({ sessions, retained, wills }: Facts): string[] {
  const problem = (occasion: Occasion, text: (last: string, count: number) => string): string[] =>
    occasion.lastMs === undefined || occasion.lastMs > SHOWN_MS ? [] : [text(shown(occasion.last), occasion.count)]
  return [
    ...problem(
      sessions.slow,
      (last, count) =>
        `${count} messages were dropped for connected subscribers that do not acknowledge earlier ones, the last one ` +
        `for ${last}: find out why it is slow, or let it subscribe with QoS 0`,
    ),
    ...problem(
      sessions.givenUp,
      (last, count) =>
        `the messages kept for absent subscribers reached broker.sessionQueueBytesMax: ${count} of them lost theirs, ` +
        `the last one ${last}: let clients that do not come back connect with clean session 1, or raise the setting`,
    ),
    ...problem(
      sessions.evicted,
      (last, count) =>
        `there are too many persistent sessions or open QoS 2 publishes: ${count} sessions of absent clients ended, ` +
        `the last one that of ${last}: find the clients that connect with ever new ids and clean session 0, or raise ` +
        'broker.sessionsMax',
    ),
    ...problem(
      sessions.filtersRefused,
      (last, count) =>
        `${count} subscriptions were refused, the last one of ${last}: let it subscribe with wildcards, or raise ` +
        'broker.filtersPerClientMax or broker.filtersMax',
    ),
    ...problem(
      retained.refused,
      (last, count) =>
        `${count} messages were not retained for lack of room, the last one of ${last}: let it publish without retain, ` +
        'or raise broker.retainedMax or broker.retainedBytesMax',
    ),
    ...problem(
      wills.refused,
      (last, count) =>
        `${count} connections were refused because the wills of all clients take too much memory, the last one of ` +
        `${last}: let clients use shorter wills`,
    ),
  ]
}

/** Client ids come from outside: they are shown with control characters escaped, and cut. */
function shown(client = ''): string {
  return JSON.stringify(client.slice(0, NAME_CHARS_MAX))
}
