import type { Log } from '../base/log.ts'
import { encodeReceipt } from '../codec/receipt.ts'
import type { Link } from '../link/link.ts'
import type { Answer } from './intake.ts'
import { receiptTopic } from './opening.ts'

/**
 * Sends receipts over this link, never more at once than the broker takes unacknowledged: it ends the connection of
 * those who exceed it. A receipt that is lost with the link is no harm: its batch comes again, and is answered again.
 */
export function answerOver(link: Pick<Link, 'publish' | 'receiveMaximum'>, at: { prefix: string; log: Log }): Answer {
  let inFlight = 0
  let onFree: (() => void) | undefined
  const send = async (edge: string, receipt: Uint8Array): Promise<void> => {
    try {
      const { reasonCode } = await link.publish(receiptTopic(at.prefix, edge), receipt, { qos: 1 })
      if (reasonCode >= 0x80)
        at.log.error({ edge, reasonCode }, 'the broker refuses receipts: this edge sends for ever')
    } catch {
      // The link is lost.
    }
    inFlight--
    onFree?.()
  }
  return async (edge, receipt) => {
    const bytes = encodeReceipt(receipt)
    if (inFlight >= link.receiveMaximum) {
      await new Promise<void>((resolve) => {
        onFree = resolve
      })
    }
    inFlight++
    void send(edge, bytes)
  }
}
