/** `urn:dev:{kind}:{id}` (RFC 9039) or `urn:{namespace}:{id}`, with the separator that follows it. */
const URN = /^urn:(?:dev:[^:]+|[^:]+):[^:/_;]+(?:[:/_;]|$)/
const UNNAMED = 'value'

/** The URN that begins every one of these names, or undefined. A pack of several devices has none. */
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

/** Also when one name ends with the device and another one goes on after it. */
function sameDevice(a: string, b: string): boolean {
  const bare = (urn: string): string => urn.replace(/[:/_;]$/, '')
  return bare(a) === bare(b)
}

/**
 * The metric of a resolved SenML name. The topic says which device it is, so the device is taken off the front of the
 * name: `{device}/` or `{device}:`, or the URN that the whole pack shares. Names of a pack with several URNs stay
 * whole: two sensors must not become one series. What is left stands below the metric of the topic, if that has one
 * (`{metric}.{rest}`), or is just that metric when it repeats it. When nothing is left, that is the metric of the
 * topic, or else the unit (RFC 8428 §5.1.3 tells `lon` from `lat` by nothing else), or else `value`.
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
