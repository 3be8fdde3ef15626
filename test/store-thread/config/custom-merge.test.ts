import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/config/json.ts'
import { merge } from '../../../src/config/merge.ts'
import { decider } from '../../../src/config/policies.ts'
import { CustomMerges } from '../../../src/store-thread/config/custom-merge.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'

/** A function with this body, which notes each call in a file. */
function functionOf(body: string, timeoutMs: number): { merges: CustomMerges; calls(): number } {
  const folder = tempFolder()
  const [module, file] = [join(folder, 'function.mjs'), join(folder, 'calls')]
  const note = `import { appendFileSync } from 'node:fs'\nconst note = () => appendFileSync(${JSON.stringify(file)}, 'x')`
  writeFileSync(module, `${note}\nexport default (base, edge, cloud) => { note(); ${body} }`)
  const merges = new CustomMerges([{ name: 'own', module }], timeoutMs)
  onStop(() => merges.stop())
  return { merges, calls: () => (existsSync(file) ? readFileSync(file, 'utf8').length : 0) }
}

/** Merges two configs that collide at this number of places, all of them decided by the function. */
function mergeMany(merges: CustomMerges, count: number) {
  const config = (value: number): JsonObject =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]))
  const policies = [{ path: '/**', onConflict: 'custom:own' as const }]
  const judges = { custom: merges.begin(), newer: () => ({ side: 'cloud', why: '' }) as const }
  const rules = { decide: decider({ policies, deleteModify: 'keep' }, judges) }
  return merge(config(0), config(1), config(2), rules).collisions.map(({ decision }) => decision)
}

describe('functions of the operator', () => {
  it('decide all places of a merge', () => {
    const { merges, calls } = functionOf('return edge + cloud', 60_000)
    const decisions = mergeMany(merges, 200)
    expect(decisions).toHaveLength(200)
    for (const decision of decisions) expect(decision).toMatchObject({ manual: false, value: 3 })
    expect(calls()).toBe(200)
  })

  it('share one time limit in a merge: one that never returns is called at most once, and a person decides the rest', () => {
    const { merges, calls } = functionOf('for (;;);', 100)
    const decisions = mergeMany(merges, 50)
    expect(decisions).toHaveLength(50)
    expect(decisions.every(({ manual }) => manual)).toBe(true)
    expect(calls()).toBeLessThanOrEqual(1)
    mergeMany(merges, 50)
    expect(calls()).toBeLessThanOrEqual(2)
  })

  it('that are slow each time do not take longer together than the time limit', () => {
    const body = 'const end = performance.now() + 100; while (performance.now() < end); return cloud'
    const { merges, calls } = functionOf(body, 1_000)
    const decisions = mergeMany(merges, 50)
    expect(decisions.filter(({ manual }) => !manual).length).toBeLessThanOrEqual(10)
    expect(calls()).toBeLessThanOrEqual(10)
  })

  it('do not decide with a value that is larger than a config', () => {
    const { merges } = functionOf("return 'x'.repeat(100_000)", 60_000)
    expect(mergeMany(merges, 1)).toMatchObject([{ manual: true }])
  })
})
