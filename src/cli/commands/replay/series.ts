import { open } from 'node:fs/promises'
import { codeOf, messageOf, OperatorError } from '../../../base/errors.ts'

/** One row of a recorded series. */
export interface Sample {
  /** UTC milliseconds. */
  readonly ts: number
  /** The value as it is written in the file: a number keeps its digits. */
  readonly text: string
}

const HEADER = 'timestamp,value'
const TIME = /^\d{4}-\d\d-(\d\d)[ T]\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z?$/

/**
 * Reads a recorded series row by row: a CSV file with the header `timestamp,value` and times in UTC without a zone
 * (`2013-12-02 21:15:00`).
 * @throws OperatorError with file and line at the first invalid row
 */
export async function* readSeries(file: string): AsyncGenerator<Sample, void> {
  let number = 0
  for await (const line of linesOf(file)) {
    number++
    const problem = number === 1 && line.replace(/^\uFEFF/, '') !== HEADER
    if (problem) throw notASeries(file, number, `the first line must be ${HEADER}`)
    if (line.includes('\ufffd')) throw notASeries(file, number, 'it is not UTF-8')
    if (number === 1 || line === '') continue
    const comma = line.indexOf(',')
    const ts = parseSampleTime(line.slice(0, comma))
    if (comma === -1 || ts === undefined)
      throw notASeries(file, number, `"${line.slice(0, 80)}" is not a time and a value`)
    yield { ts, text: line.slice(comma + 1).trim() }
  }
  if (number === 0) throw notASeries(file, 1, 'the file is empty')
}

/** UTC milliseconds of a time without a zone; undefined if it is not one, or its month does not have that day. */
export function parseSampleTime(text: string): number | undefined {
  const day = TIME.exec(text)?.[1]
  if (day === undefined) return undefined
  const ts = Date.parse(`${text.replace(' ', 'T').replace('Z', '')}Z`)
  return new Date(ts).getUTCDate() === Number(day) ? ts : undefined
}

async function* linesOf(file: string): AsyncGenerator<string, void> {
  try {
    const handle = await open(file)
    yield* handle.readLines({ encoding: 'utf8' })
  } catch (trouble) {
    if (codeOf(trouble) === undefined) throw trouble
    throw new OperatorError(`cannot read the series ${file}: ${messageOf(trouble)}`, {
      remedy: 'name a CSV file that can be read',
      cause: trouble,
    })
  }
}

function notASeries(file: string, line: number, what: string): OperatorError {
  return new OperatorError(`${file}:${line} is not part of a recorded series: ${what}`, {
    remedy: `correct the file: first line ${HEADER}, then one row per line, times such as 2013-12-02 21:15:00`,
  })
}
