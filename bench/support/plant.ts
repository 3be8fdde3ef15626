import { recordedSeries, type Sample } from './series.ts'

/** Readings behind one another, in flat columns. */
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

export type SeriesClass = 'two decimals' | 'full precision'

/**
 * Recordings by class. ec2_cpu_utilization_24ae8d belongs to neither: it has three decimals.
 * Ambient has eight decimals, the machine up to fourteen.
 */
const RECORDINGS: Readonly<Record<SeriesClass, readonly string[]>> = {
  'two decimals': ['speed_7578', 'occupancy_6005', 'Twitter_volume_GOOG'],
  'full precision': ['ambient_temperature_system_failure', 'machine_temperature_system_failure'],
}
export const CLASSES = Object.keys(RECORDINGS) as SeriesClass[]

const START = Date.UTC(2025, 0, 1)
/** A device takes its sample at most so long before or after its time (ms). */
const JITTER_MS = 50
const SEED = 0x7145_6a7e

interface Recording {
  readonly name: string
  readonly class: SeriesClass
  /** Milliseconds since the first sample. */
  readonly at: Float64Array
  readonly values: Float64Array
  /** After so long it begins again (ms). */
  readonly lengthMs: number
  /** Decimals that a repetition is rounded to; undefined: it is repeated as it is. */
  readonly decimals: number | undefined
}

/** A series and how far it is: the device plays its recording from a place of its own, over and over. */
interface Player {
  readonly recording: Recording
  index: number
  /** UTC ms at which the repetition at work began. */
  startedAt: number
  /** What the values of this repetition are multiplied with. */
  factor: number
}

/**
 * Devices that play recorded series, one each, half of them of each class; the same readings at every run.
 *
 * Each begins at a place of its own in the recording and repeats it with shifted time. Sampling times are uniformly
 * scattered by 50 ms around the recorded ones. Readings come in order of their times, as they would arrive.
 *
 * The recordings with few decimals are shorter than a big block, and a repetition within it packs better than any real
 * sensor would. With BENCH_VARIED each of their repetitions is scaled by a factor from 0.8 to 1.25 and rounded to as many
 * decimals as it was recorded with, so that no numbers come again.
 */
export class Plant {
  /** Set by `--varied`, for this process and those that it starts. */
  readonly #varied = process.env.BENCH_VARIED === '1'
  readonly #players: readonly Player[]
  /** The time of each player's next reading. */
  readonly #next: Float64Array
  /** Players as a binary heap, the earliest one at 0. */
  readonly #heap: Uint32Array
  #random = SEED
  #receivedAt = 0

  constructor(seriesCount: number) {
    const recordings = readRecordings()
    this.#players = Array.from({ length: seriesCount }, (_, series) => this.#player(recordings, series))
    this.#next = Float64Array.from(this.#players, (player) => this.#timeOf(player))
    this.#heap = new Uint32Array(seriesCount).map((_, i) => i).sort((a, b) => this.#next[a]! - this.#next[b]!)
  }

  get seriesCount(): number {
    return this.#players.length
  }

  classOf(series: number): SeriesClass {
    return this.#players[series]!.recording.class
  }

  recordingOf(series: number): string {
    return this.#players[series]!.recording.name
  }

  /** The next readings. The columns are the same at every call. */
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
    const player = this.#players[first]!
    const { recording, index, factor } = player
    const recorded = recording.values[index]!
    series[i] = first
    ts[i] = this.#next[first]!
    value[i] =
      factor === 1 || recording.decimals === undefined ? recorded : rounded(recorded * factor, recording.decimals)
    this.#receivedAt = Math.max(this.#receivedAt, this.#next[first]!)
    receivedAt[i] = this.#receivedAt
    this.#advance(player)
    this.#next[first] = this.#timeOf(player)
    this.#sink(first)
  }

  #player(recordings: Readonly<Record<SeriesClass, readonly Recording[]>>, series: number): Player {
    const ofClass = recordings[CLASSES[series % CLASSES.length]!]
    const recording = ofClass[Math.floor(series / CLASSES.length) % ofClass.length]!
    const index = Math.floor(this.#uniform() * recording.at.length)
    const phaseMs = Math.floor(this.#uniform() * medianStep(recording.at))
    return { recording, index, startedAt: START + phaseMs - recording.at[index]!, factor: this.#factor() }
  }

  #timeOf({ recording, index, startedAt }: Player): number {
    return startedAt + recording.at[index]! + Math.round((this.#uniform() * 2 - 1) * JITTER_MS)
  }

  #advance(player: Player): void {
    if (++player.index < player.recording.at.length) return
    player.index = 0
    player.startedAt += player.recording.lengthMs
    player.factor = this.#factor()
  }

  #factor(): number {
    return this.#varied ? 0.8 + 0.45 * this.#uniform() : 1
  }

  /** Puts the player at the top of the heap where its next reading belongs. */
  #sink(player: number): void {
    const heap = this.#heap
    const at = this.#next[player]!
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#next[heap[child + 1]!]! < this.#next[heap[child]!]!) child++
      if (this.#next[heap[child]!]! >= at) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = player
  }

  /** Mulberry32: from 0 to 1, the same at every run. */
  #uniform(): number {
    this.#random = (this.#random + 0x6d2b_79f5) >>> 0
    let t = this.#random
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function readRecordings(): Record<SeriesClass, Recording[]> {
  const samples = recordedSeries()
  const ofClass = (name: SeriesClass): Recording[] =>
    RECORDINGS[name].map((file) => recordingOf(file, name, samples.get(file)!))
  return { 'two decimals': ofClass('two decimals'), 'full precision': ofClass('full precision') }
}

function recordingOf(name: string, seriesClass: SeriesClass, samples: readonly Sample[]): Recording {
  const at = Float64Array.from(samples, ({ ts }) => ts - samples[0]!.ts)
  const decimals = Math.max(...samples.map(({ value }) => value.split('.')[1]?.length ?? 0))
  return {
    name,
    class: seriesClass,
    at,
    values: Float64Array.from(samples, ({ value }) => Number(value)),
    lengthMs: at.at(-1)! + medianStep(at),
    decimals: seriesClass === 'two decimals' ? decimals : undefined,
  }
}

function medianStep(at: Float64Array): number {
  const steps = at.slice(1).map((one, i) => one - at[i]!)
  return steps.sort()[Math.floor(steps.length / 2)]!
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}
