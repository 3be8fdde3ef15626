import { describe, expect, it } from 'vitest'
import { type Answer, ReceiptBatch } from '../../../src/uplink/answers/receipt-batch.ts'

function answer(first: number, more: Partial<Answer> = {}): Answer {
  return { kind: 'stored', epoch: 'e', run: 'r', ranges: [{ first, last: first + 9 }], high: first + 9, ...more }
}

/** Takes answers as one read of a socket brings them, and returns the answers that were stored. */
async function storedOf(...answers: Answer[]): Promise<Answer[]> {
  const stored: Answer[] = []
  const receiptBatch = new ReceiptBatch(async (one) => void stored.push(one))
  await Promise.all(answers.map((one) => receiptBatch.take(one)))
  return stored
}

describe('answers that arrive together', () => {
  it('are stored in one transaction, with the positions of all and the highest of them', async () => {
    expect(await storedOf(answer(21), answer(1), answer(11))).toEqual([
      answer(1, {
        high: 30,
        ranges: [
          { first: 21, last: 30 },
          { first: 1, last: 10 },
          { first: 11, last: 20 },
        ],
      }),
    ])
  })

  it('are stored separately when they answer another epoch or run, or report a fork', async () => {
    const strangers = [answer(1, { run: 'former' }), answer(1, { epoch: 'former' }), answer(1, { kind: 'forked' })]
    const stored = await storedOf(answer(1), ...strangers, answer(11))
    expect(stored).toHaveLength(4)
    expect(stored).toEqual(expect.arrayContaining(strangers))
    expect(stored).toContainEqual(answer(11, { ranges: [...answer(1).ranges, ...answer(11).ranges] }))
  })

  it('are not delayed to wait for later ones', async () => {
    const stored: Answer[] = []
    const receiptBatch = new ReceiptBatch(async (one) => void stored.push(one))
    await receiptBatch.take(answer(1))
    await receiptBatch.take(answer(11))
    expect(stored).toEqual([answer(1), answer(11)])
  })

  it('fail together when they cannot be stored, and later answers are tried again', async () => {
    let broken = true
    const receiptBatch = new ReceiptBatch(async () => {
      if (broken) throw new Error('the disk is full')
    })
    const both = await Promise.allSettled([receiptBatch.take(answer(1)), receiptBatch.take(answer(11))])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    broken = false
    await expect(receiptBatch.take(answer(1))).resolves.toBeUndefined()
  })
})
