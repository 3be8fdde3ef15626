import { pattern } from '../../base/pattern.ts'
import { isMapping, type Path, pathText, valueAt } from '../outline.ts'

/** Rules of a list that are compared with each other: the time grows with the square of their number. */
const COMPARED_MAX = 500

type Covers = (earlier: string, later: string) => boolean

interface RuleList {
  readonly path: Path
  readonly key: 'match' | 'topic'
  readonly covers: Covers
  /** Names that the patterns match have this form; undefined: any. */
  readonly form?: 'device/metric'
}

/** Lists of settings of which the first match applies. */
const LISTS: readonly RuleList[] = [
  { path: ['quality'], key: 'match', covers: patternCovers, form: 'device/metric' },
  { path: ['store', 'retention'], key: 'match', covers: patternCovers, form: 'device/metric' },
  { path: ['config', 'schemas'], key: 'match', covers: patternCovers },
  { path: ['routes'], key: 'topic', covers: routeCovers },
]

/** Warnings about rules that can match nothing, or nothing that an earlier rule of the list leaves over. */
export function unusedRules(settings: object): string[] {
  return LISTS.flatMap((list) => {
    const rules = valueAt(settings, list.path)
    return Array.isArray(rules) ? unusedIn(rules, list) : []
  })
}

function unusedIn(rules: readonly unknown[], { path, key, covers, form }: RuleList): string[] {
  const texts = rules.slice(0, COMPARED_MAX).map((rule) => String(isMapping(rule) ? rule[key] : ''))
  return texts.flatMap((text, index) => {
    const where = `${pathText([...path, index, key])} "${text}"`
    if (form !== undefined && !text.includes('/')) {
      return [`${where} matches nothing: it is compared with \`${form}\`; write "${text}/*" or "*/${text}"`]
    }
    const first = texts.slice(0, index).findIndex((earlier, at) => {
      return directionOf(rules[at]) === directionOf(rules[index]) && covers(earlier, text)
    })
    if (first === -1) return []
    return [
      `${where} never applies: ${pathText([...path, first, key])} "${texts[first]}" comes first and matches the same`,
    ]
  })
}

/** Routes up and routes down do not compete. */
function directionOf(rule: unknown): unknown {
  return isMapping(rule) ? (rule.direction ?? 'up') : undefined
}

/** A `*` of the later pattern can only be matched by a `*` of the earlier one, which matches everything that it stands for. */
function patternCovers(earlier: string, later: string): boolean {
  return pattern(earlier)(later)
}

/** One or more levels; `#` is also none. */
const SOME = '#1'

/** Whether every topic of the later route or filter belongs to the earlier one. */
function routeCovers(earlier: string, later: string): boolean {
  const [before, after] = [levelsOf(earlier), levelsOf(later)]
  if (after[0]!.startsWith('$') && ['+', '#', SOME].includes(before[0]!)) return false
  for (const [at, level] of before.entries()) {
    const other = after[at]
    if (level === '#') return true
    if (level === SOME) return other !== undefined && other !== '#'
    if (other === undefined || other === '#' || other === SOME) return false
    if (level !== '+' && level !== other) return false
  }
  return before.length === after.length
}

/** Levels of a filter; placeholders as the wildcards with the same topics. */
function levelsOf(topic: string): string[] {
  return topic.split('/').map((level) => level.replace(/^\{\w+#\}$/, SOME).replace(/^\{\w+\}$/, '+'))
}
