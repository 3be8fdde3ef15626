import type { z } from 'zod'
import { suggestion } from '../../base/nearest.ts'
import { type Outline, outlineAt, type Path, pathText, valueAt } from '../outline.ts'
import type { Place, Problem } from '../problem.ts'

/** What the schema refuses, in terms of a settings file; one problem for each unknown key. Never shows a secret. */
export function problemsOf(error: z.ZodError, data: unknown, outline: Outline): Problem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.filter((step) => typeof step !== 'symbol')
    if (issue.code !== 'unrecognized_keys') return [{ path, text: textOf(issue, valueAt(data, path)) }]
    const known = Object.keys(outlineAt(outline, path)?.properties ?? {})
    return issue.keys.map((key) => {
      const hint = suggestion(key, known) || `; known here: ${known.join(', ')}`
      return { path: [...path, key], text: `unknown key ${JSON.stringify(key)}${hint}` }
    })
  })
}

/** A problem as one line: `plant.yaml:12:7 uplinks[0].url: is required`. */
export function problemLine(file: string, problem: Problem, placeOf: (path: Path) => Place): string {
  const place = problem.place ?? placeOf(problem.path)
  const where = 'variable' in place ? place.variable : `${file}:${place.line}:${place.column}`
  const what = problem.path.length === 0 ? '' : ` ${pathText(problem.path)}:`
  return `${where}${what} ${problem.text}`
}

function textOf(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'is required'
      if (issue.expected === 'int') return 'must be a whole number'
      return `must be ${kind(issue.expected)}, not ${kindOf(value)}`
    case 'invalid_value': {
      const known = issue.values.map(String)
      const hint = typeof value === 'string' ? suggestion(value, known) : ''
      return `must be one of ${known.join(', ')}${hint}`
    }
    case 'too_small': {
      const bound = issue.inclusive ? 'at least' : 'more than'
      return `must ${verb(issue.origin)} ${bound} ${issue.minimum}${noun(issue.origin, Number(issue.minimum))}`
    }
    case 'too_big': {
      const bound = issue.inclusive ? 'at most' : 'less than'
      return `must ${verb(issue.origin)} ${bound} ${issue.maximum}${noun(issue.origin, Number(issue.maximum))}`
    }
    default:
      return issue.message
  }
}

const KINDS: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  tuple: 'a list',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
}

function kind(type: string): string {
  return KINDS[type] ?? type
}

function kindOf(value: unknown): string {
  if (value === null) return kind('null')
  return kind(Array.isArray(value) ? 'array' : typeof value)
}

function verb(origin: string): string {
  return origin === 'array' || origin === 'string' ? 'have' : 'be'
}

function noun(origin: string, count: number): string {
  const plural = count === 1 ? '' : 's'
  if (origin === 'array') return count === 1 ? ' entry' : ' entries'
  return origin === 'string' ? ` character${plural}` : ''
}
