import { open } from 'node:fs/promises'
import { codeOf, messageOf, OperatorError } from '../../../base/errors.ts'

/** One row of a recorded series. */
export interface Sample {
  /** UTC milliseconds. */
  readonly ts: number
  /** The value as the file writes it: a number keeps its digits. */
  readonly text: string
}

const HEADER = 'timestamp,value'
const TIME = /^\d{4}-\d\d-(\d\d)[ T]\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z?$/

/**
 * Reads a recorded series row by row: a CSV file with the header `timestamp,value` and times in UTC without a zone
 * (`2013-12-02 21:15:00`). Throws an OperatorError with file and line at the first row that is none.
 */
export async function* readSeries(file: string): AsyncGenerator<Sample, void> {
  let number = 0
  for await (const line of linesOf(file)) {
    number++
    const problem = number === 1 && line.replace(/^\uFEFF/, '') !== HEADER
    if (problem) throw notASeries(file, number, `the first line must be ${HEADER}`)
    if (number === 1 || line === '') continue
    const comma = line.indexOf(',')
    const ts = parseTime(line.slice(0, comma))
    if (comma === -1 || ts === undefined) throw notASeries(file, number, `"${line.slice(0, 80)}" is no time and value`)
    yield { ts, text: line.slice(comma + 1).trim() }
  }
  if (number === 0) throw notASeries(file, 1, 'the file is empty')
}

/** UTC milliseconds of a time without zone, or undefined. A day that its month does not have is no time. */
export function parseTime(text: string): number | undefined {
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
      remedy: 'give the path of a readable CSV file',
      cause: trouble,
    })
  }
}

function notASeries(file: string, line: number, what: string): OperatorError {
  return new OperatorError(`${file}:${line} is not part of a recorded series: ${what}`, {
    remedy: `correct the file: ${HEADER}, one row a line, times such as 2013-12-02 21:15:00`,
  })
}
