import type { Ajv, CodeOptions, FuncKeywordDefinition } from 'ajv'
import { RE2JS } from 're2js'
import { messageOf } from '../base/errors.ts'
import { canonical } from './canonical.ts'
import type { Json } from './json.ts'

/**
 * Compiles the regular expressions of a schema with RE2, which takes time in proportion to the text: devices write the
 * texts, and JavaScript's engine can take hours for one of 40 characters. Lookahead, lookbehind and references to groups
 * do not exist in RE2.
 * @throws for an expression that RE2 does not know
 */
export const linearRegExp: NonNullable<CodeOptions['regExp']> = Object.assign(
  (expression: string) => {
    const compiled = compile(expression)
    return { test: (text: string) => compiled.test(text), toString: () => `re2:${expression}` }
  },
  // Ajv writes this name only into code of validators that it saves, which is never done here.
  { code: 'linearRegExp' },
) as NonNullable<CodeOptions['regExp']>

function compile(expression: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(expression))
  } catch (failure) {
    throw new Error(`RE2 does not know the regular expression ${JSON.stringify(expression)}: ${messageOf(failure)}`)
  }
}

/** `uniqueItems` in time that is in proportion to the array: Ajv compares each item with each other one. */
const UNIQUE_ITEMS: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  errors: false,
  compile: (unique: boolean) => (items: readonly Json[]) =>
    !unique || new Set(items.map(canonical)).size === items.length,
  error: { message: 'must NOT have equal items' },
}

/** Replaces the keywords whose time grows faster than the config that a device sends. */
export function withLinearKeywords(ajv: Ajv): Ajv {
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword(UNIQUE_ITEMS)
  return ajv
}
