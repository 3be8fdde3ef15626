import { systemClock } from '../../base/clock.ts'
import { readTlsFiles } from '../../base/tls-files.ts'
import { isMapping, type Path, pathText, valueAt, withValueAt } from '../outline.ts'
import { beyondLimits, presetDefaults, presetOf, presetPlaces, type Side, withPreset } from '../presets/presets.ts'
import type { Problem } from '../problem.ts'
import { withTlsFiles } from '../schema/tls.ts'

/**
 * The places in settings data that describe a link to a cloud broker: each entry of `uplinks`, and `cloud` of a
 * receiver.
 */
export function linksOf(data: unknown): { readonly path: Path; readonly side: Side }[] {
  const uplinks = valueAt(data, ['uplinks'])
  const found: { path: Path; side: Side }[] = []
  if (Array.isArray(uplinks)) {
    for (const index of uplinks.keys()) found.push({ path: ['uplinks', index], side: 'uplink' })
  }
  if (isMapping(valueAt(data, ['cloud']))) found.push({ path: ['cloud'], side: 'receiver' })
  return found
}

/**
 * Settings data with the defaults of presets filled in, and absolute paths of the files in `tls`. A setting beyond the
 * limits of its preset is a problem, and so is a file that cannot be used.
 * @param folder folder of the settings file
 */
export function withLinks(
  data: unknown,
  folder: string,
): { readonly data: unknown; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  let result = data
  for (const { path, side } of linksOf(data)) {
    const link = withPreset(valueAt(data, path), side)
    problems.push(...beyondLimits(link, { path, edge: valueAt(data, ['edge']) }))
    const tlsPath = [...path, 'tls']
    const tls = withTlsFiles(valueAt(link, ['tls']), { path: tlsPath, folder })
    problems.push(...tls.problems)
    result = withValueAt(result, path, link)
    if (tls.value !== undefined) result = withValueAt(result, tlsPath, tls.value)
  }
  return { data: result, problems }
}

/** What `settings check` reports about the links of valid settings. */
export interface Remarks {
  /** One line per preset: its settings, with the values that apply. */
  readonly facts: readonly string[]
  readonly warnings: readonly string[]
}

/** @param settings valid settings of an edge or a receiver */
export function remarksOn(settings: object): Remarks {
  const facts: string[] = []
  const warnings: string[] = []
  for (const { path, side } of linksOf(settings)) {
    const link = valueAt(settings, path)
    const preset = presetOf(link)
    if (preset !== undefined) {
      const places = presetPlaces(presetDefaults(preset, side, valueAt(link, ['url'])))
      const lines = places.map((place) => `${pathText(place)} ${JSON.stringify(valueAt(link, place))}`)
      facts.push(`${pathText(path)}: ${preset.title}${lines.length === 0 ? '' : `: ${lines.join(', ')}`}`)
    }
    const tls = valueAt(link, ['tls'])
    if (!isMapping(tls)) continue
    const about = readTlsFiles(tls, systemClock.now()).warnings.map((text) => `${pathText([...path, 'tls'])}: ${text}`)
    warnings.push(...about)
    if (tls.insecure === true)
      warnings.push(`${pathText([...path, 'tls', 'insecure'])}: the certificate is not verified`)
  }
  return { facts, warnings }
}
