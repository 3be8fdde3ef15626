import { isMapping, type Path } from './settings-outline.ts'
import type { Limits, Preset } from './settings-presets.ts'

interface Breach {
  readonly path: Path
  readonly text: string
}

type Link = Readonly<Record<string, unknown>>

/** Levels under the prefix of the longest topic: `{edge}/up/backfill`. */
const LEVELS_BELOW_PREFIX = 3
const LONGEST_TAIL = 'up/backfill'
const PREFIX_DEFAULT = 'tidegate'

/** Settings of a link that its broker would refuse. Values of the wrong type are the schema's to tell. */
export function presetProblems({ title, limits }: Preset, link: Link, edge: unknown): Breach[] {
  const found = [...transport(limits, link), ...numbers(limits, link), ...names(limits, link, edge)]
  return found.map(({ path, text }) => ({ path, text: `${text} (${title})` }))
}

function transport({ schemes, tlsHosts, certificate }: Limits, { url, tls, password }: Link): Breach[] {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) return []
  const scheme = parsed.protocol.slice(0, -1)
  if (schemes !== undefined && !schemes.includes(scheme)) {
    return [{ path: ['url'], text: `must begin with ${schemes.map((one) => `${one}://`).join(' or ')}` }]
  }
  if (tlsHosts?.test(parsed.hostname) && scheme !== 'mqtts' && scheme !== 'wss') {
    return [{ path: ['url'], text: 'must begin with mqtts:// or wss://: these names serve TLS only' }]
  }
  const hasCertificate = isMapping(tls) && tls.cert !== undefined
  if (certificate && !hasCertificate && password === undefined) {
    return [{ path: ['tls', 'cert'], text: 'is missing: clients are known by their certificates' }]
  }
  return []
}

function numbers({ keepaliveS, batchBytesMax, windowMax }: Limits, link: Link): Breach[] {
  const breaches: Breach[] = []
  const within = (key: string, { min = 0, max }: { min?: number; max: number | undefined }): void => {
    const value = link[key]
    if (typeof value !== 'number' || max === undefined) return
    if (value < min) breaches.push({ path: [key], text: `must be at least ${min}` })
    if (value > max) breaches.push({ path: [key], text: `must be at most ${max}` })
  }
  within('keepaliveS', { min: keepaliveS?.min ?? 0, max: keepaliveS?.max })
  within('batchBytesMax', { max: batchBytesMax })
  within('window', { max: windowMax })
  return breaches
}

function names(limits: Limits, { prefix = PREFIX_DEFAULT, clientId }: Link, edge: unknown): Breach[] {
  const breaches: Breach[] = []
  const { clientIdBytesMax = Infinity, topicBytesMax = Infinity, topicSlashesMax = Infinity, noDots } = limits
  const bytes = (text: string): number => Buffer.byteLength(text)
  if (typeof clientId === 'string' && bytes(clientId) > clientIdBytesMax) {
    breaches.push({ path: ['clientId'], text: `must have at most ${clientIdBytesMax} bytes` })
  }
  if (typeof prefix !== 'string') return breaches
  const slashes = prefix.split('/').length - 1 + LEVELS_BELOW_PREFIX
  if (slashes > topicSlashesMax) {
    const levels = topicSlashesMax - LEVELS_BELOW_PREFIX + 1
    breaches.push({
      path: ['prefix'],
      text: `must have at most ${levels} levels: a topic has at most ${topicSlashesMax} slashes`,
    })
  }
  const longest = `${prefix}/${typeof edge === 'string' ? edge : ''}/${LONGEST_TAIL}`
  if (bytes(longest) > topicBytesMax) {
    breaches.push({ path: ['prefix'], text: `makes topics longer than ${topicBytesMax} bytes` })
  }
  if (noDots !== undefined && prefix.includes('.')) {
    breaches.push({ path: ['prefix'], text: `must have no dot: ${noDots}` })
  }
  if (noDots !== undefined && typeof edge === 'string' && edge.includes('.')) {
    breaches.push({ path: ['preset'], text: `does not go with a dot in \`edge\`: ${noDots}` })
  }
  return breaches
}
