/**
 * How fast is history read? The store of this project, sealed and merged, is compared with a table with an index and with
 * DuckDB: the same readings and the same questions, in turns. All answers are compared.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../support/folder.ts'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { folderBytes } from './support/folder-size.ts'
import { differenceOf } from './support/history-answers.ts'
import { type Asked, PEER_NAMES, type PeerName, questionsAbout } from './support/history-questions.ts'
import { readOptions, SERIES_OPTIONS } from './support/options.ts'
import { outputOf } from './support/patience.ts'
import { Plant } from './support/plant.ts'
import { figure, machine, machineLine, median, progress, table } from './support/report.ts'

const { json, numbers } = readOptions(
  {
    runs: { full: 3, small: 1 },
    rows: { full: 20_000_000, small: 150_000 },
    series: { full: 500, small: 20 },
    questions: { full: 100, small: 10 },
  },
  { ...SERIES_OPTIONS, varied: { type: 'boolean' } },
)
const { runs, rows, series, questions: questionCount } = numbers
const asked = new Map<PeerName, Asked[]>(PEER_NAMES.map((name) => [name, []]))

async function child<T>(args: readonly string[]): Promise<T> {
  const running = startScript('bench/support/history-child.ts', args)
  return JSON.parse(await outputOf(running, args.slice(0, 2).join(' '))) as T
}

/** Times of the first and the last of all readings. */
function span(plant: Plant): { first: number; last: number } {
  const bounds = { first: Infinity, last: -Infinity }
  for (const { count, ts } of plant.commits(rows, 10_000)) {
    for (let i = 0; i < count; i++) {
      bounds.first = Math.min(bounds.first, ts[i]!)
      bounds.last = Math.max(bounds.last, ts[i]!)
    }
  }
  return bounds
}

interface Figure {
  readonly median: number
  readonly p99: number
}

/** Over all questions of all rounds (ms). */
function figureOf(name: PeerName, pick: (asked: Asked) => readonly number[]): Figure {
  const sorted = asked
    .get(name)!
    .flatMap(pick)
    .sort((a, b) => a - b)
  return { median: median(sorted), p99: sorted[Math.ceil(sorted.length * 0.99) - 1]! }
}

interface Column {
  readonly name: string
  readonly title: string
  readonly pick: (asked: Asked) => readonly number[]
}

const COLUMNS: readonly Column[] = [
  { name: 'firstRowMs', title: 'day: first row, ms', pick: ({ range }) => range.map(({ firstMs }) => firstMs) },
  { name: 'allRowsMs', title: 'all rows, ms', pick: ({ range }) => range.map(({ allMs }) => allMs) },
  { name: 'allHoursMs', title: 'all hours, ms', pick: ({ buckets }) => buckets.map(({ allMs }) => allMs) },
]

function resultTable(fileBytes: ReadonlyMap<PeerName, number>): string {
  const head = ['', 'bytes per reading', ...COLUMNS.flatMap(({ title }) => [title, '99 %', 'ratio'])]
  const cells = (name: PeerName): string[] =>
    COLUMNS.flatMap(({ pick }) => {
      const own = figureOf(name, pick)
      return [figure(own.median), figure(own.p99), figure(own.median / figureOf('tidegate', pick).median)]
    })
  return table(
    head,
    PEER_NAMES.map((name) => [name, figure(fileBytes.get(name)! / rows), ...cells(name)]),
  )
}

function resultOf(peer: PeerName, bytes: number): Record<string, unknown> {
  const figures = COLUMNS.map(({ name, pick }) => [name, figureOf(peer, pick)])
  return { peer, bytesOnDisk: bytes / rows, ...Object.fromEntries(figures) }
}

try {
  const base = tempFolder()
  const folderOf = (name: PeerName): string => join(base, `${PEER_NAMES.indexOf(name)}`)
  const plant = new Plant(series)
  const bounds = span(plant)
  const questions = questionsAbout(plant, bounds, questionCount)
  writeFileSync(join(base, 'questions.json'), JSON.stringify(questions))

  const fileBytes = new Map<PeerName, number>()
  for (const name of PEER_NAMES) {
    mkdirSync(folderOf(name))
    const { seconds } = await child<{ seconds: number }>(['build', name, folderOf(name), `${rows}`, `${series}`])
    fileBytes.set(name, folderBytes(folderOf(name)))
    progress(`${name}: built in ${figure(seconds)} s, ${figure(fileBytes.get(name)! / rows)} bytes per reading`)
  }
  const answersOf = (name: PeerName): string => join(base, `${PEER_NAMES.indexOf(name)}.answers`)
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < PEER_NAMES.length; turn++) {
      const name = PEER_NAMES[(round + turn) % PEER_NAMES.length]!
      const files = [folderOf(name), join(base, 'questions.json'), answersOf(name)]
      const answer = await child<Asked>(['ask', name, ...files])
      if (answer.readings !== rows) throw new Error(`${name} has ${answer.readings} readings instead of ${rows}`)
      asked.get(name)!.push(answer)
    }
    const [ours, ...others] = PEER_NAMES.map((name) => ({ name, bytes: readFileSync(answersOf(name)) }))
    for (const other of others) {
      const difference = differenceOf(questions, ours!.bytes, other.bytes)
      if (difference !== undefined) throw new Error(`tidegate and ${other.name} answer differently: ${difference}`)
    }
    progress(`round ${round + 1}: all answers are equal`)
  }
  const days = (bounds.last - bounds.first) / 86_400_000
  console.log(
    `${machineLine()}\n\n${rows.toLocaleString('en-US')} readings of ${series} series in ${figure(days)} days; ${questionCount} questions of each kind, ${runs} times\n`,
  )
  console.log(resultTable(fileBytes))
  if (json) {
    const results = PEER_NAMES.map((name) => resultOf(name, fileBytes.get(name)!))
    console.log(JSON.stringify({ bench: 'history', ...machine(), runs, rows, days, results }))
  }
} finally {
  await stopStarted()
}
