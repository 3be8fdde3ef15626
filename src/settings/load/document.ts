import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from 'yaml'
import { codeOf, messageOf } from '../../base/errors.ts'
import type { Path } from '../outline.ts'
import type { Place, Problem } from '../problem.ts'

/** A YAML 1.2 file as plain data, with the position of each setting. */
export interface SettingsDocument {
  readonly data: unknown
  readonly problems: readonly Problem[]
  /** The position of the key or list entry at `path`; if it does not exist, of the innermost one that contains it. */
  placeOf(path: Path): Place
}

/** Uses of one anchor, nested ones multiplied. More are refused: a few lines could otherwise expand to gigabytes. */
const ALIAS_COUNT_MAX = 1_000

/** Reads YAML. Never throws: for text that is not YAML it returns problems, and `data` is undefined. */
export function parseSettings(text: string): SettingsDocument {
  const lines = new LineCounter()
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  try {
    const document = parseDocument(text, { version: '1.2', lineCounter: lines, prettyErrors: false })
    const found: YAMLError[] = [...document.errors, ...document.warnings]
    // After a duplicate key the rest can still be checked; after a syntax error every other problem would be noise.
    const syntax = found.find(({ code }) => code !== 'DUPLICATE_KEY')
    const problems = (syntax === undefined ? found : [syntax]).map((error) => ({
      path: [],
      text: textOf(error),
      place: placeAt(error.pos[0]),
    }))
    const data: unknown = syntax === undefined ? document.toJS({ maxAliasCount: ALIAS_COUNT_MAX }) : undefined
    return { data, problems, placeOf: (path) => placeAt(offsetOf(document, path)) }
  } catch (trouble) {
    return { data: undefined, problems: [{ path: [], text: unfoldProblem(trouble) }], placeOf: () => placeAt(0) }
  }
}

/** Reads one value of an environment variable: a YAML scalar, or a list or mapping in flow style. */
export function parseValue(text: string): { readonly value: unknown } | { readonly problem: string } {
  const { data, problems } = parseSettings(text)
  return problems[0] === undefined ? { value: data } : { problem: problems[0].text }
}

function textOf({ code, message }: YAMLError): string {
  if (code === 'DUPLICATE_KEY') return 'the mapping already has this key'
  if (code === 'MULTIPLE_DOCS') return 'a second YAML document begins here; a settings file is one document'
  return `is not valid YAML: ${message}`
}

function unfoldProblem(trouble: unknown): string {
  if (trouble instanceof ReferenceError)
    return `aliases expand to more than ${ALIAS_COUNT_MAX} values, or refer to themselves`
  if (trouble instanceof RangeError) return 'is nested too deeply'
  return `cannot be read: ${codeOf(trouble) ?? messageOf(trouble)}`
}

function offsetOf(document: Document, path: Path): number {
  let node: Node | null = document.contents
  let offset = node?.range?.[0] ?? 0
  for (const step of path) {
    const around: Node | null | undefined = isAlias(node) ? node.resolve(document) : node
    if (isMap(around)) {
      const pair = around.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      node = isNode(pair.value) ? pair.value : null
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset
    } else if (isSeq(around)) {
      const item = typeof step === 'number' ? around.items[step] : undefined
      if (!isNode(item)) return offset
      node = item
      offset = item.range?.[0] ?? offset
    } else return offset
  }
  return offset
}
