import { isMapping, type Path } from '../outline.ts'

/** Defaults and limits for one kind of cloud broker, from its documentation (docs/clouds.md names the pages). */
export interface Preset {
  readonly title: string
  /** Defaults for both an edge's uplink and a receiver; the settings file overrides them. */
  readonly both: Readonly<Record<string, unknown>>
  /** Defaults for an edge's uplink only. */
  readonly uplink: Readonly<Record<string, unknown>>
  /** ALPN protocols for mqtts:// links to port 443, which the cloud uses for HTTPS too. */
  readonly alpn443?: readonly string[]
  readonly limits: PresetLimits
}

/** What the broker accepts; a setting beyond it is a problem. An absent member: no limit. */
export interface PresetLimits {
  /** The URL schemes that it accepts; absent: all. */
  readonly schemes?: readonly string[]
  /**
   * Host names of the cloud service, which accept TLS only; your own broker of this kind may accept plain connections.
   */
  readonly tlsHosts?: RegExp
  /** A client certificate is required unless a password is given. */
  readonly certificate?: true
  readonly keepaliveS?: { readonly min: number; readonly max: number }
  readonly batchBytesMax?: number
  readonly windowMax?: number
  readonly clientIdBytesMax?: number
  readonly topicBytesMax?: number
  readonly topicSlashesMax?: number
  /** Why topics must not contain dots; absent: they may. */
  readonly noDots?: string
}

interface Breach {
  readonly path: Path
  readonly text: string
}

type Link = Readonly<Record<string, unknown>>

const PREFIX_DEFAULT = 'tidegate'
/** Formats whose topic is a template in the settings. */
const TEMPLATES = ['json', 'message'] as const

/**
 * The longest topics of an edge; without `edge`, of an edge with an empty name. Device and metric count as one letter
 * each.
 */
function longestTopics(
  link: Link,
  { prefix, edge }: { prefix: string; edge: unknown },
): { path: Path; topic: string }[] {
  // A dot in the name of the edge is a problem of its own, reported once.
  const name = typeof edge === 'string' ? edge.replaceAll('.', '-') : ''
  const batches = { path: ['prefix'], topic: `${prefix}/${name}/up/backfill` }
  const templates = TEMPLATES.flatMap((format) => {
    const template = isMapping(link[format]) ? link[format].topic : undefined
    if (link.format !== format || typeof template !== 'string') return []
    const topic = template
      .replaceAll('{prefix}', prefix)
      .replaceAll('{edge}', name)
      .replaceAll(/\{[a-z]+\}/g, 'x')
    return [{ path: [format, 'topic'], topic }]
  })
  return [batches, ...templates]
}

/** Settings of a link that its broker would refuse. Values of the wrong type are skipped: the schema reports them. */
export function presetProblems({ title, limits }: Preset, link: Link, edge: unknown): Breach[] {
  const found = [...transport(limits, link), ...numbers(limits, link), ...names(limits, link, edge)]
  return found.map(({ path, text }) => ({ path, text: `${text} (${title})` }))
}

function transport({ schemes, tlsHosts, certificate }: PresetLimits, { url, tls, password }: Link): Breach[] {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) return []
  const scheme = parsed.protocol.slice(0, -1)
  if (schemes !== undefined && !schemes.includes(scheme)) {
    return [{ path: ['url'], text: `must begin with ${schemes.map((one) => `${one}://`).join(' or ')}` }]
  }
  if (tlsHosts?.test(parsed.hostname) && scheme !== 'mqtts' && scheme !== 'wss') {
    return [{ path: ['url'], text: 'must begin with mqtts:// or wss://: this host accepts TLS only' }]
  }
  const hasCertificate = isMapping(tls) && tls.cert !== undefined
  if (certificate && !hasCertificate && password === undefined) {
    return [{ path: ['tls', 'cert'], text: 'is missing: the broker identifies clients by their certificates' }]
  }
  return []
}

function numbers({ keepaliveS, batchBytesMax, windowMax }: PresetLimits, link: Link): Breach[] {
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

function names(limits: PresetLimits, link: Link, edge: unknown): Breach[] {
  const { prefix = PREFIX_DEFAULT, clientId } = link
  const breaches: Breach[] = []
  const { clientIdBytesMax = Infinity, topicBytesMax = Infinity, topicSlashesMax = Infinity, noDots } = limits
  const bytes = (text: string): number => Buffer.byteLength(text)
  if (typeof clientId === 'string' && bytes(clientId) > clientIdBytesMax) {
    breaches.push({ path: ['clientId'], text: `must have at most ${clientIdBytesMax} bytes` })
  }
  if (typeof prefix !== 'string') return breaches
  for (const { path, topic } of longestTopics(link, { prefix, edge })) {
    const tooMuch = (text: string): number => breaches.push({ path, text })
    const slashes = topic.split('/').length - 1
    if (slashes > topicSlashesMax)
      tooMuch(`makes topics with ${slashes} slashes: at most ${topicSlashesMax} are allowed`)
    if (bytes(topic) > topicBytesMax) tooMuch(`makes topics longer than ${topicBytesMax} bytes`)
    if (noDots !== undefined && topic.includes('.')) tooMuch(`must not contain a dot: ${noDots}`)
  }
  if (noDots !== undefined && typeof edge === 'string' && edge.includes('.')) {
    breaches.push({ path: ['preset'], text: `does not allow a dot in \`edge\`: ${noDots}` })
  }
  return breaches
}
