import { edgeOutline, receiverOutline } from '../../../settings/load/load.ts'
import type { Outline } from '../../../settings/outline.ts'
import type { Preset } from '../../../settings/presets/limits.ts'
import { PRESETS } from '../../../settings/presets/presets.ts'

/** docs/settings.md: every setting of an edge and of a receiver, from the schemas that check them. */
export function settingsDocument(): string {
  return `${INTRODUCTION}

## Edge

Read by \`tidegate run -s FILE\`; examples/edge.yaml is a commented example.

${table(edgeOutline())}

## Receiver

Read by \`tidegate receive -s FILE\`; examples/receiver.yaml is a commented example.

${table(receiverOutline())}

## Presets

What \`uplinks[].preset\` and \`cloud.preset\` put in the place of the defaults above; what the file says wins. A setting beyond
what the cloud takes is a problem. Why, and what to do on the side of the cloud, stands in clouds.md.

${presetTable()}`
}

function presetTable(): string {
  const rows = Object.entries<Preset>(PRESETS).map(([name, preset]) => {
    const common = { ...preset.both, ...(preset.alpn443 && { 'tls.alpn': preset.alpn443 }) }
    return `| \`${name}\` | ${preset.title} | ${valuesText(common)} | ${valuesText(preset.uplink)} |`
  })
  return ['| Preset | Broker | Both sides | Uplinks |', '|---|---|---|---|', ...rows].join('\n')
}

function valuesText(values: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(values).map(([key, value]) => {
    return `\`${key}: ${JSON.stringify(value)}\`${key === 'tls.alpn' ? ' (mqtts:// on port 443)' : ''}`
  })
  return texts.length === 0 ? 'the defaults' : texts.join('<br>')
}

const INTRODUCTION = `# Settings

<!-- Written by \`npm run docs\` from the schemas in src/settings/edge.ts. -->

Settings are one YAML 1.2 file. Unknown keys are refused, since they are misspellings; \`tidegate settings check FILE\`
tells every problem at once, each with its line. \`tidegate settings schema\` prints the JSON Schema for editors.

A name ends with its unit: \`Ms\` milliseconds, \`S\` seconds, \`Bytes…\` bytes. \`[]\` in a path is any entry of a list.

**Environment.** A variable stands over the file: \`TIDEGATE_\` and the path, its levels parted by \`__\`, entries of a list
by their index from 0; letter case and single \`_\` do not count. \`TIDEGATE_BROKER__TCP__PORT=1893\`,
\`TIDEGATE_UPLINKS__0__URL=mqtt://cloud.example\`, \`TIDEGATE_LOG='{ level: debug }'\`. A text setting takes its variable
letter by letter, any other is read as YAML. A variable that names no setting is refused as well.

**Secrets.** \`password_file: /run/secrets/cloud\` stands for \`password\` and names a file that holds it, also as
\`TIDEGATE_UPLINKS__0__PASSWORD_FILE\`. A newline at its end is not part of the secret. Secrets are never printed.

**Paths** of files and folders are relative to the folder of the settings file, those in the environment too.`

function table(outline: Outline): string {
  const rows = settingsOf(outline, '', false).map((row) => `| ${row.map(cell).join(' | ')} |`)
  return ['| Setting | Type | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}

type Row = [path: string, type: string, fallback: string, meaning: string]

function settingsOf(node: Outline, path: string, required: boolean): Row[] {
  const row: Row = [`\`${path}\``, typeText(node), fallbackText(node, required), node.description ?? '']
  const inner = node.items ? node.items : node
  const prefix = node.items ? `${path}[].` : path === '' ? '' : `${path}.`
  const children = Object.entries(inner.properties ?? {}).flatMap(([key, child]) => {
    return settingsOf(child, prefix + key, inner.required?.includes(key) === true)
  })
  return path === '' ? children : [row, ...children]
}

function typeText(node: Outline): string {
  if (node.prefixItems) return `[${node.prefixItems.map(typeText).join(', ')}]`
  if (node.enum) return node.enum.map((one) => `\`${one}\``).join(', ')
  switch (node.type) {
    case 'object':
      return 'mapping'
    case 'array':
      return 'list'
    case 'string':
      return 'text'
    case 'boolean':
      return 'true, false'
    case 'integer':
      return `whole number${rangeText(node)}`
    default:
      return `number${rangeText(node)}`
  }
}

function rangeText({ minimum, exclusiveMinimum, maximum }: Outline): string {
  const high = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  if (exclusiveMinimum !== undefined) return ` > ${exclusiveMinimum}${high === undefined ? '' : `, ≤ ${high}`}`
  const low = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum
  if (low !== undefined && high !== undefined) return ` ${low} … ${high}`
  return low === undefined ? (high === undefined ? '' : ` ≤ ${high}`) : ` ≥ ${low}`
}

function fallbackText(node: Outline, required: boolean): string {
  if (required) return '**required**'
  if (node.default === undefined || node.type === 'object') return ''
  if (!Array.isArray(node.default)) return `\`${node.default}\``
  return node.default.length === 0 ? 'none' : node.default.map((one) => `\`${exampleText(one)}\``).join('<br>')
}

/** The value of an entry's first key, as `telemetry/{device}` for a route. */
function exampleText(entry: unknown): string {
  return String(typeof entry === 'object' && entry !== null ? Object.values(entry)[0] : entry)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
