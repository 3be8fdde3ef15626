/**
 * How fast is history read? The store of this project, sealed and merged, beside a table with an index and DuckDB: the
 * same readings, the same questions, in turns; all answers are compared.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tempFolder } from '../support/folder.ts'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { folderBytes } from './support/folder-size.ts'
import { differenceOf } from './support/history-answers.ts'
import { type Asked, PEER_NAMES, type PeerName, questionsAbout } from './support/history-questions.ts'
import { Plant } from './support/plant.ts'
import { figure, machine, median, progress, table } from './support/report.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    varied: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    rows: { type: 'string', default: '20000000' },
    series: { type: 'string', default: '500' },
    questions: { type: 'string', default: '100' },
  },
})
const rows = Number(values.rows)
if (values.varied) process.env.BENCH_VARIED = '1'
const runs = Number(values.runs)
const asked = new Map<PeerName, Asked[]>(PEER_NAMES.map((name) => [name, []]))

async function child<T>(args: readonly string[]): Promise<T> {
  const running = startScript('bench/support/history-child.ts', args)
  if ((await running.exit) !== 0) throw new Error(`${args.slice(0, 2).join(' ')}: ${running.stderr}`)
  return JSON.parse(running.stdout) as T
}

/** When the first and the last of all the readings were taken. */
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
  const head = ['', 'bytes a reading', ...COLUMNS.flatMap(({ title }) => [title, '99 %', 'ratio'])]
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
  const plant = new Plant(Number(values.series))
  const bounds = span(plant)
  const questions = questionsAbout(plant, bounds, Number(values.questions))
  writeFileSync(join(base, 'questions.json'), JSON.stringify(questions))

  const fileBytes = new Map<PeerName, number>()
  for (const name of PEER_NAMES) {
    mkdirSync(folderOf(name))
    const { seconds } = await child<{ seconds: number }>(['build', name, folderOf(name), values.rows, values.series])
    fileBytes.set(name, folderBytes(folderOf(name)))
    progress(`${name}: built in ${figure(seconds)} s, ${figure(fileBytes.get(name)! / rows)} bytes a reading`)
  }
  const answersOf = (name: PeerName): string => join(base, `${PEER_NAMES.indexOf(name)}.answers`)
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < PEER_NAMES.length; turn++) {
      const name = PEER_NAMES[(round + turn) % PEER_NAMES.length]!
      const files = [folderOf(name), join(base, 'questions.json'), answersOf(name)]
      asked.get(name)!.push(await child<Asked>(['ask', name, ...files]))
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
    `\n${rows.toLocaleString('en-US')} readings of ${values.series} series in ${figure(days)} days; ${values.questions} questions of each kind, ${runs} times\n`,
  )
  console.log(resultTable(fileBytes))
  if (values.json) {
    const results = PEER_NAMES.map((name) => resultOf(name, fileBytes.get(name)!))
    console.log(JSON.stringify({ bench: 'history', ...machine(), runs, rows, days, results }))
  }
} finally {
  await stopStarted()
}
