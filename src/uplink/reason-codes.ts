/** MQTT 5 §3.4.2.1: the broker took the message, and nobody listens. */
export const NO_MATCHING_SUBSCRIBERS = 0x10
const FIRST_ERROR_CODE = 0x80
/** Topic name invalid, packet too large, payload format invalid, not authorized: to send it again does not help. */
const INCURABLE: readonly number[] = [0x90, 0x95, 0x99, 0x87]

/** What a broker's answer to a PUBLISH means for the message (MQTT 5 §3.4.2.1). */
export function meaningOf(reasonCode: number): 'taken' | 'unheard' | 'refused' | 'trouble' {
  if (reasonCode === NO_MATCHING_SUBSCRIBERS) return 'unheard'
  if (reasonCode < FIRST_ERROR_CODE) return 'taken'
  return INCURABLE.includes(reasonCode) ? 'refused' : 'trouble'
}

/** The worst answer to several messages that carry one batch. */
export function worstOf(reasonCodes: readonly number[]): number {
  return reasonCodes.reduce((worst, code) => Math.max(worst, code), 0)
}
