/** `urn:dev:{kind}:{id}` (RFC 9039) or `urn:{namespace}:{id}`, with the separator that follows it. */
const URN = /^urn:(?:dev:[^:]+|[^:]+):[^:/_;]+(?:[:/_;]|$)/
const UNNAMED = 'value'

/** The URN that all of these names begin with; undefined: there is none, or the pack has several devices. */
export function commonUrn(names: readonly (string | undefined)[]): string | undefined {
  let common: string | undefined
  for (const name of names) {
    if (name === undefined) continue
    const urn = URN.exec(name)?.[0]
    if (urn === undefined || (common !== undefined && !sameDevice(common, urn))) return undefined
    common = urn
  }
  return common
}

/** Whether two URNs name the same device. The separator at the end, which may be missing, does not matter. */
function sameDevice(a: string, b: string): boolean {
  const bare = (urn: string): string => urn.replace(/[:/_;]$/, '')
  return bare(a) === bare(b)
}

/**
 * The metric for a resolved SenML name. The topic already names the device, so it is removed from the front of the
 * name: `{device}/` or `{device}:`, or the URN that the whole pack shares. In a pack with several URNs the names stay
 * complete, because two sensors must not become one series. If the topic has a metric, the rest is appended to it
 * (`{metric}.{rest}`), unless it only repeats it. If nothing is left, the metric is that of the topic, or else the unit
 * (in RFC 8428 §5.1.3 only the unit distinguishes `lon` from `lat`), or else `value`.
 * @param urn the result of `commonUrn` for the pack
 * @param metric metric of the topic; undefined: it has none
 */
export function metricOf(
  record: { readonly name: string; readonly unit: string | undefined },
  urn: string | undefined,
  metric: string | undefined,
  device: string,
): string {
  const rest = withoutDevice(record.name, urn, device)
  if (metric === undefined) return rest === '' ? (record.unit ?? UNNAMED) : rest
  return rest === '' || rest === metric ? metric : `${metric}.${rest}`
}

function withoutDevice(name: string, urn: string | undefined, device: string): string {
  if (name.startsWith(device)) {
    const next = name[device.length]
    if (next === undefined) return ''
    if (next === '/' || next === ':') return name.slice(device.length + 1)
  }
  return urn === undefined ? name : name.slice(URN.exec(name)?.[0].length ?? 0)
}
