import { describe, expect, it } from 'vitest'
import type { Published } from '../../src/link/link.ts'
import { OutgoingQueue } from '../../src/receiver/outgoing.ts'
import { answerOver } from '../../src/receiver/receipts.ts'
import { until } from '../../support/wait.ts'

const RECEIPT = { epoch: 'e', run: 'r', kind: 'stored', ranges: [], high: 0, reason: undefined } as const

/** A link whose broker answers when the test says so. */
function openLinkTo(receiveMaximum: number) {
  const unanswered: { accept: () => void; lose: () => void }[] = []
  const publish = (): Promise<Published> => {
    const { promise, resolve, reject } = Promise.withResolvers<Published>()
    unanswered.push({ accept: () => resolve({ reasonCode: 0 }), lose: () => reject(new Error('lost')) })
    return promise
  }
  return { link: { receiveMaximum, publish }, unanswered }
}

describe('the receipts of a link', () => {
  it('never exceed the limit of the broker for unacknowledged messages, and all are sent in the end', async () => {
    const { link, unanswered } = openLinkTo(3)
    const answer = answerOver(new OutgoingQueue(link), 'tidegate')
    let sent = 0
    const sending = (async () => {
      for (; sent < 20; sent++) await answer('edge', RECEIPT)
    })()
    let answered = 0
    while (answered < 20) {
      await until(() => unanswered.length > 0)
      expect(sent - answered).toBeLessThanOrEqual(3)
      expect(unanswered.length).toBeLessThanOrEqual(3)
      const one = unanswered.shift()!
      if (answered++ % 2 === 0) one.accept()
      else one.lose()
    }
    await sending
    expect(sent).toBe(20)
  })
})
