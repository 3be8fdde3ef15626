import { encodeReceipt } from '../codec/receipt.ts'
import type { Answer } from './intake.ts'
import { receiptTopic } from './open-message.ts'
import type { Outgoing } from './outgoing.ts'

/** Sends receipts. Losing one is harmless: its batch arrives again and is answered again. */
export function answerOver(outgoing: Pick<Outgoing, 'send'>, prefix: string): Answer {
  return (edge, receipt) => outgoing.send(receiptTopic(prefix, edge), encodeReceipt(receipt))
}
