/** MQTT 5 §3.4.2.1: the broker accepted the message, but it has no subscriber. */
export const NO_MATCHING_SUBSCRIBERS = 0x10
/** MQTT 5 §3.4.2.1: the access rules of the broker forbid the topic. */
export const NOT_AUTHORIZED = 0x87
const FIRST_ERROR_CODE = 0x80

/** What the broker said to a message of this topic. */
export interface BrokerAnswer {
  readonly reasonCode: number
  readonly topic: string
}
/**
 * Topic name invalid, packet too large, payload format invalid, not authorized: sending the message again does not
 * help.
 */
const INCURABLE: readonly number[] = [0x90, 0x95, 0x99, NOT_AUTHORIZED]

/**
 * What a broker's reason code for a PUBLISH means for the message (MQTT 5 §3.4.2.1). docs/formats.md has the table.
 * @param keepsLatest the broker retains the latest reading for later subscribers, so it need not have any now
 */
export function meaningOf(
  reasonCode: number,
  { keepsLatest }: { readonly keepsLatest: boolean },
): 'taken' | 'unheard' | 'refused' | 'trouble' {
  if (reasonCode === NO_MATCHING_SUBSCRIBERS) return keepsLatest ? 'taken' : 'unheard'
  if (reasonCode < FIRST_ERROR_CODE) return 'taken'
  return INCURABLE.includes(reasonCode) ? 'refused' : 'trouble'
}

/** The answer with the highest reason code, of several messages that carry one batch; code 0 for none. */
export function worstOf(answers: readonly BrokerAnswer[]): BrokerAnswer {
  const none = { reasonCode: 0, topic: answers[0]?.topic ?? '' }
  return answers.reduce((worst, one) => (one.reasonCode > worst.reasonCode ? one : worst), none)
}
