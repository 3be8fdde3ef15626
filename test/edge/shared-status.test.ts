import { describe, expect, it } from 'vitest'
import { SharedStatus } from '../../src/edge/shared-status.ts'

/** A source that answers when the test says so. */
class Source {
  readings = 0
  readonly #waiting: ((answer: number) => void)[] = []

  read = (): Promise<number> => {
    this.readings++
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  async answer(answer: number): Promise<void> {
    this.#waiting.shift()!(answer)
    await new Promise(setImmediate)
  }
}

describe('the status', () => {
  it('is read once for all who ask at the same time, however many they are', async () => {
    const source = new Source()
    const status = new SharedStatus(source.read)
    const asked = Array.from({ length: 10_000 }, () => status.get())
    for (let answer = 1; answer <= source.readings; answer++) await source.answer(answer)
    expect(source.readings).toBe(2)
    expect(new Set(await Promise.all(asked))).toEqual(new Set([1, 2]))
  })

  it('is read after the question, unless there are many questions', async () => {
    const source = new Source()
    const status = new SharedStatus(source.read)
    const first = status.get()
    const second = status.get()
    await source.answer(1)
    await source.answer(2)
    expect(await Promise.all([first, second])).toEqual([1, 2])
    const third = status.get()
    await source.answer(3)
    expect(await third).toBe(3)
  })

  it('is read again after a reading that failed', async () => {
    let readings = 0
    const status = new SharedStatus(() => {
      readings++
      return readings === 1 ? Promise.reject(new Error('gone')) : Promise.resolve(readings)
    })
    const [first, second] = [status.get(), status.get()]
    await expect(first).rejects.toThrow('gone')
    expect(await second).toBe(2)
  })
})
