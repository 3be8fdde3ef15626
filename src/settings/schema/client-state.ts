import { bytes, count } from './fields.ts'

/** Bounds of what the broker remembers of its clients. All of it is in memory. */
export const clientState = {
  filtersPerClientMax: count
    .default(10_000)
    .describe(
      'Maximum number of topic filters that one client subscribes to; a filter longer than 256 characters counts as ' +
        'several. SUBSCRIBE is answered with 0x80 (failure) for each one beyond it',
    ),
  filtersMax: count
    .default(100_000)
    .describe('Maximum number of topic filters of all clients and persistent sessions; beyond it as above'),
  sessionsMax: count
    .default(10_000)
    .describe(
      'Maximum number of persistent sessions; beyond it, the session ends whose client is away longest. Those to which ' +
        'a client never came back end first',
    ),
  sessionExpiryS: count
    .max(315_360_000)
    .default(604_800)
    .describe('A persistent session ends when its client has been away for this time (seconds)'),
  sessionQueueMax: count
    .default(1_000)
    .describe(
      'Maximum number of messages kept for a local subscriber that is offline; new ones beyond it are dropped and ' +
        'counted',
    ),
  sessionQueueBytesMax: bytes
    .min(65_536)
    .default(33_554_432)
    .describe(
      'Maximum bytes of the messages kept for all local subscribers; beyond it, the subscriber that is offline longest ' +
        'loses its messages, and gets new ones only when it is back. One subscriber can use a quarter',
    ),
  retainedMax: count
    .default(10_000)
    .describe(
      'Maximum number of retained messages of clients, half of it for one client; beyond it a message is delivered ' +
        'but not retained, and counted',
    ),
  retainedBytesMax: bytes
    .min(1_024)
    .default(16_777_216)
    .describe('Maximum bytes of the retained messages of clients; beyond it as above'),
}
