import { isDeepStrictEqual } from 'node:util'
import { type Path, pathText } from './outline.ts'

/** What a reload did with the settings that differ, as paths such as `uplinks[0].password`. */
export interface Reload {
  /** In use from now on; logins and TLS from the next connection. */
  readonly applied: readonly string[]
  /** Still as they were: only a start reads them. */
  readonly needRestart: readonly string[]
}

/** Settings that a running edge or receiver reads each time it needs them. No other part may hold a copy. */
const LIVE = /^(log\.level|(uplinks\[\d+\]|cloud)\.(username|password|tls(\..+)?))$/
/** The login at this place may be that of another broker now. */
const IDENTITY = /^(uplinks(\[\d+\](\.(name|url))?)?|cloud\.url)$/

/** Replaces the values in `running` that can be replaced while the process runs by those of `fresh`. */
export function reloadSettings(running: object, fresh: object): Reload {
  const changes = changesOf(running, fresh, [])
  const moved = changes.some(({ path }) => IDENTITY.test(pathText(path)))
  const isLive = ({ path }: Change): boolean => LIVE.test(pathText(path)) && !(moved && path[0] !== 'log')
  for (const change of changes.filter(isLive)) apply(running, change)
  const texts = (live: boolean): string[] =>
    changes.filter((one) => isLive(one) === live).map(({ path }) => pathText(path))
  return { applied: texts(true), needRestart: texts(false) }
}

interface Change {
  readonly path: Path
  readonly value: unknown
}

type Tree = Record<string | number, unknown>

/** The deepest places at which two settings differ. */
function changesOf(before: unknown, after: unknown, path: Path): Change[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path, value: after }]
  if (Array.isArray(before) && before.length !== (after as unknown as unknown[]).length) return [{ path, value: after }]
  const steps = Array.isArray(before) ? before.keys() : new Set([...Object.keys(before), ...Object.keys(after)])
  return [...steps].flatMap((step) => changesOf(before[step], after[step], [...path, step]))
}

function isTree(value: unknown): value is Tree {
  return Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]'
}

function apply(settings: object, { path, value }: Change): void {
  const holder = path.slice(0, -1).reduce<unknown>((tree, step) => (tree as Tree)[step], settings) as Tree
  holder[path.at(-1)!] = value
}
