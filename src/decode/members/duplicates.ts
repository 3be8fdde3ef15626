import { CBOR_DEPTH_MAX, READINGS_PER_MESSAGE_MAX } from '../limits.ts'
import type { Step } from '../problem.ts'

/** An object or array that is not complete yet. */
interface Level {
  /** The members of an object before the current one; undefined: an array. */
  readonly before: Map<string, Inside> | undefined
  /** The current member or element; undefined: before the first one. */
  step: Step | undefined
  /** Where the duplicates inside the current member begin. */
  from: number
}

/** Where the duplicates inside a member begin and end. */
interface Inside {
  readonly from: number
  readonly to: number
}

/**
 * Finds the members that a later one of the same name replaces, when it is given all members and elements in the order
 * of the message. A replaced member stands for everything inside it. The search may end with one more of them than
 * READINGS_PER_MESSAGE_MAX: the message is refused. What is nested deeper than CBOR_DEPTH_MAX is not searched: it is a
 * partial reject for its depth. Linear in the length of the message.
 */
export class DuplicateFinder {
  readonly #levels: Level[] = []
  /** Number of open objects and arrays that are not searched. */
  #deeper = 0
  /** Undefined: it is inside a member that was replaced later. */
  readonly #places: (readonly Step[] | undefined)[] = []
  #count = 0

  get isFull(): boolean {
    return this.#count > READINGS_PER_MESSAGE_MAX
  }

  get replaced(): (readonly Step[])[] {
    return this.#places.filter((steps) => steps !== undefined)
  }

  open(isObject: boolean): void {
    if (this.#levels.length === CBOR_DEPTH_MAX) this.#deeper++
    else this.#levels.push({ before: isObject ? new Map() : undefined, step: undefined, from: 0 })
  }

  close(): void {
    if (this.#deeper > 0) this.#deeper--
    else this.#levels.pop()
  }

  /** Call it before each element of an array. */
  element(): void {
    const level = this.#levels.at(-1)
    if (this.#deeper === 0 && level !== undefined) level.step = level.step === undefined ? 0 : Number(level.step) + 1
  }

  /** Call it before the value of each member of an object. */
  member(name: string): void {
    const level = this.#levels.at(-1)
    if (this.#deeper > 0 || level?.before === undefined) return
    if (typeof level.step === 'string') level.before.set(level.step, { from: level.from, to: this.#places.length })
    level.step = name
    const replaced = level.before.get(name)
    if (replaced !== undefined) this.#replace(replaced)
    level.from = this.#places.length
  }

  #replace({ from, to }: Inside): void {
    for (let i = from; i < to; i++) {
      if (this.#places[i] !== undefined) this.#count--
      this.#places[i] = undefined
    }
    this.#count++
    this.#places.push(this.#levels.map(({ step }) => step!))
  }
}
