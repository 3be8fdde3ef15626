import { randomNumbers } from './random.ts'
import { benchSeries, type Sample } from './series.ts'

/** Readings one after the other, in flat columns. */
export interface Readings {
  readonly count: number
  /** From 0. */
  readonly series: Uint32Array
  /** UTC milliseconds by the clock of the device. */
  readonly ts: Float64Array
  readonly value: Float64Array
  /** UTC milliseconds, never falling. */
  readonly receivedAt: Float64Array
}

/** "two decimals": every value has at most two. "full precision": most values have six or more. Other series are left out. */
export type SeriesClass = 'two decimals' | 'full precision'
export const CLASSES: readonly SeriesClass[] = ['two decimals', 'full precision']
const FEW_DECIMALS = 2
const MANY_DECIMALS = 6

/** UTC ms of the first reading, or shortly after. */
export const PLANT_START = Date.UTC(2025, 0, 1)
/** A device takes its sample at most this long before or after its time (ms). */
const JITTER_MS = 50
/** Series with at least one sample in this time on average are dense (ms). */
const DENSE_STEP_MS = 360_000
const SEED = 0x7145_6a7e

interface Recording {
  readonly class: SeriesClass
  /** Milliseconds since the first sample. */
  readonly at: Float64Array
  readonly values: Float64Array
  /** After this time it begins again (ms). */
  readonly lengthMs: number
  /** Decimals that a repetition is rounded to; undefined: it is repeated unchanged. */
  readonly decimals: number | undefined
}

/** One series: which recording the device repeats, and the position that it has reached. */
interface Replay {
  readonly recording: Recording
  index: number
  /** UTC ms at which the current repetition began. */
  startedAt: number
  /** The values of this repetition are multiplied by it. */
  factor: number
}

/**
 * Devices with one series each, half of them of each class; the same readings in every run.
 *
 * Each device repeats one of the series of series.ts with shifted time, and starts at its own position in it. Sampling
 * times are uniformly scattered by 50 ms around those of the series. Readings come in the order of their times, as they
 * would arrive.
 *
 * The series with few decimals are shorter than a big block, and repetitions within one block pack better than the
 * readings of a real sensor. With BENCH_VARIED each repetition of them is scaled by a factor from 0.8 to 1.25 and rounded
 * to the number of decimals that the series has, so that the same numbers do not come again.
 */
export class Plant {
  /** Set by `--varied`, for this process and its children. */
  readonly #varied = process.env.BENCH_VARIED === '1'
  readonly #replays: readonly Replay[]
  /** The time of the next reading of each replay. */
  readonly #next: Float64Array
  /** Replays as a binary heap, the one with the earliest next reading at 0. */
  readonly #heap: Uint32Array
  readonly #uniform = randomNumbers(SEED)
  #receivedAt = 0

  constructor(seriesCount: number) {
    const recordings = readRecordings()
    this.#replays = Array.from({ length: seriesCount }, (_, series) => this.#replay(recordings, series))
    this.#next = Float64Array.from(this.#replays, (replay) => this.#timeOf(replay))
    this.#heap = new Uint32Array(seriesCount).map((_, i) => i).sort((a, b) => this.#next[a]! - this.#next[b]!)
  }

  get seriesCount(): number {
    return this.#replays.length
  }

  classOf(series: number): SeriesClass {
    return this.#replays[series]!.recording.class
  }

  /** Whether the series has about one reading every five minutes, or more. */
  isDense(series: number): boolean {
    const { at, lengthMs } = this.#replays[series]!.recording
    return lengthMs / at.length <= DENSE_STEP_MS
  }

  /** The next readings. The columns are the same objects in every call. */
  *commits(rows: number, perCommit: number): Generator<Readings> {
    const columns = {
      series: new Uint32Array(perCommit),
      ts: new Float64Array(perCommit),
      value: new Float64Array(perCommit),
      receivedAt: new Float64Array(perCommit),
    }
    for (let left = rows; left > 0; left -= perCommit) {
      const count = Math.min(left, perCommit)
      for (let i = 0; i < count; i++) this.#take(columns, i)
      yield { count, ...columns }
    }
  }

  #take({ series, ts, value, receivedAt }: Omit<Readings, 'count'>, i: number): void {
    const first = this.#heap[0]!
    const replay = this.#replays[first]!
    const { recording, index, factor } = replay
    const recorded = recording.values[index]!
    series[i] = first
    ts[i] = this.#next[first]!
    value[i] =
      factor === 1 || recording.decimals === undefined ? recorded : rounded(recorded * factor, recording.decimals)
    this.#receivedAt = Math.max(this.#receivedAt, this.#next[first]!)
    receivedAt[i] = this.#receivedAt
    this.#advance(replay)
    this.#next[first] = this.#timeOf(replay)
    this.#siftDown(first)
  }

  #replay(recordings: Readonly<Record<SeriesClass, readonly Recording[]>>, series: number): Replay {
    const ofClass = recordings[CLASSES[series % CLASSES.length]!]
    const recording = ofClass[Math.floor(series / CLASSES.length) % ofClass.length]!
    const index = Math.floor(this.#uniform() * recording.at.length)
    const phaseMs = Math.floor(this.#uniform() * medianStep(recording.at))
    return { recording, index, startedAt: PLANT_START + phaseMs - recording.at[index]!, factor: this.#factor() }
  }

  #timeOf({ recording, index, startedAt }: Replay): number {
    return startedAt + recording.at[index]! + Math.round((this.#uniform() * 2 - 1) * JITTER_MS)
  }

  #advance(replay: Replay): void {
    if (++replay.index < replay.recording.at.length) return
    replay.index = 0
    replay.startedAt += replay.recording.lengthMs
    replay.factor = this.#factor()
  }

  #factor(): number {
    return this.#varied ? 0.8 + 0.45 * this.#uniform() : 1
  }

  /** Moves the replay from the top of the heap to where its next reading belongs. */
  #siftDown(replay: number): void {
    const heap = this.#heap
    const at = this.#next[replay]!
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#next[heap[child + 1]!]! < this.#next[heap[child]!]!) child++
      if (this.#next[heap[child]!]! >= at) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = replay
  }
}

/** The series of each class, the shortest one first. @throws Error when a class has none. */
function readRecordings(): Record<SeriesClass, Recording[]> {
  const recordings = [...benchSeries().values()]
    .map(recordingOf)
    .filter((recording) => recording !== undefined)
    .sort((a, b) => a.at.length - b.at.length)
  const ofClass = (name: SeriesClass): Recording[] => {
    const found = recordings.filter((recording) => recording.class === name)
    if (found.length === 0) throw new Error(`there is no series of the class "${name}"`)
    return found
  }
  return { 'two decimals': ofClass('two decimals'), 'full precision': ofClass('full precision') }
}

function recordingOf(samples: readonly Sample[]): Recording | undefined {
  const at = Float64Array.from(samples, ({ ts }) => ts - samples[0]!.ts)
  const decimals = Uint32Array.from(samples, ({ value }) => value.split('.')[1]?.length ?? 0).sort()
  const most = decimals.at(-1)!
  const isFew = most <= FEW_DECIMALS
  if (!isFew && decimals[Math.floor(decimals.length / 2)]! < MANY_DECIMALS) return undefined
  return {
    class: isFew ? 'two decimals' : 'full precision',
    at,
    values: Float64Array.from(samples, ({ value }) => Number(value)),
    lengthMs: at.at(-1)! + medianStep(at),
    decimals: isFew ? most : undefined,
  }
}

function medianStep(at: Float64Array): number {
  const steps = at.slice(1).map((one, i) => one - at[i]!)
  return steps.sort()[Math.floor(steps.length / 2)]!
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}
