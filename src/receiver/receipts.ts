import { encodeReceipt } from '../codec/receipt.ts'
import type { SendReceipt } from './intake.ts'
import { receiptTopic } from './open-message.ts'
import type { OutgoingQueue } from './outgoing.ts'

/** Sends receipts. Losing one is harmless: its batch arrives again and is answered again. */
export function answerOver(outgoing: Pick<OutgoingQueue, 'send'>, prefix: string): SendReceipt {
  return (edge, receipt) => outgoing.send(receiptTopic(prefix, edge), encodeReceipt(receipt))
}
