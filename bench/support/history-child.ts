/**
 * One peer of the history bench in its own process:
 *
 *     build NAME FOLDER ROWS SERIES              makes its database
 *     ask NAME FOLDER QUESTIONS.json ANSWERS     asks the questions, and writes the answers to a file to be compared
 */
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { duckdb } from './history-duckdb.ts'
import type { Answer, HistoryPeer, Question } from './history-peer.ts'
import type { Asked, PeerName, Questions, Timing } from './history-questions.ts'
import { sqlite } from './history-sqlite.ts'
import { tidegate } from './history-tidegate.ts'
import { Plant } from './plant.ts'

const PEERS: Readonly<Record<PeerName, HistoryPeer>> = { tidegate, 'table + index on (series, ts)': sqlite, duckdb }

const [task, name, folder, ...rest] = process.argv.slice(2) as [string, PeerName, string, ...string[]]
const peer = PEERS[name]

async function build(rows: number, seriesCount: number): Promise<void> {
  const start = performance.now()
  await peer.build(folder, new Plant(seriesCount), rows)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1_000 }))
}

/** Reads all files, so that they are in the page cache of the system: the disk is not measured. */
async function readThrough(): Promise<void> {
  for (const file of readdirSync(folder)) {
    for await (const _ of createReadStream(join(folder, file), { highWaterMark: 1_048_576 }));
  }
}

async function ask(questionsFile: string, answersFile: string): Promise<void> {
  const { warmUp, range, buckets } = JSON.parse(readFileSync(questionsFile, 'utf8')) as Questions
  await readThrough()
  const reader = await peer.open(folder)
  for (const question of warmUp) {
    await reader.range(question)
    await reader.buckets(question)
  }
  const numbers: number[][] = []
  const timed = async (questions: readonly Question[], put: (question: Question) => Answer | Promise<Answer>) => {
    const timings: Timing[] = []
    for (const question of questions) {
      const start = performance.now()
      const answer = await put(question)
      timings.push({ firstMs: answer.firstAt - start, allMs: answer.doneAt - start })
      numbers.push(answer.numbers())
    }
    return timings
  }
  const asked: Asked = {
    readings: await reader.count(),
    range: await timed(range, (question) => reader.range(question)),
    buckets: await timed(buckets, (question) => reader.buckets(question)),
  }
  reader.close()
  writeFileSync(answersFile, Float64Array.from(numbers.flatMap((one) => [one.length, ...one])))
  console.log(JSON.stringify(asked))
}

if (task === 'build') await build(Number(rest[0]), Number(rest[1]))
else await ask(rest[0]!, rest[1]!)
